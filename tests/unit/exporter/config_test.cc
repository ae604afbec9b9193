#include "exporter/config.h"

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "heal_test_paths.h"
#include "tests/support/temp_folder.h"

namespace heal::exporter {
namespace {

std::string messages_of(const std::string& text) {
  config::Diagnostics diagnostics;
  const std::optional<ExporterConfig> config = parse_config("exporter.yml", text, diagnostics);
  CHECK(config.has_value() != diagnostics.has_errors());
  return diagnostics.render();
}

TEST_CASE("the example configuration is good, and what is shown of it reads back the same") {
  config::Diagnostics diagnostics;
  const auto config = load_config(HEAL_SOURCE_DIR "/exporter/heal-exporter.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  const auto again = parse_config("shown.yml", config->yaml(), diagnostics);
  INFO(diagnostics.render());
  REQUIRE(again);
  CHECK(again->yaml() == config->yaml());
  CHECK(again->watch == config->watch);
  CHECK(again->fast_alerts == config->fast_alerts);
}

TEST_CASE("a scheduled probe has its defaults") {
  config::Diagnostics diagnostics;
  const auto config = parse_config(
      "exporter.yml", "modules: {m: {prober: tcp}}\nprobes: [{name: p, module: m, targets: [a:1]}]\n", diagnostics);
  REQUIRE(config);
  const ScheduledProbe& probe = config->probes.at(0);
  CHECK(probe.interval == 15s);
  CHECK(probe.jitter == 750ms);
  CHECK(probe.timeout == 10s);
  CHECK(probe.down_after == 3);
  CHECK(probe.up_after == 2);
  CHECK_FALSE(probe.details);
}

TEST_CASE("a probe's targets may be in files, which are looked for beside the configuration") {
  config::Diagnostics diagnostics;
  const auto config = parse_config("dir/exporter.yml",
                                   "modules: {m: {prober: tcp}}\nprobes: [{name: p, module: m, file_sd: "
                                   "['sd/*.json', /etc/t.yml], down_after: 1, up_after: 5, details: true}]\n",
                                   diagnostics);
  REQUIRE(config);
  CHECK(config->probes.at(0).files == std::vector<std::string>{"dir/sd/*.json", "/etc/t.yml"});
  CHECK(config->probes.at(0).down_after == 1);
  CHECK(config->probes.at(0).up_after == 5);
  CHECK(config->probes.at(0).details);
}

TEST_CASE("mistakes in what targets and their states are made of") {
  CHECK(messages_of("modules: {m: {prober: tcp}}\n"
                    "probes:\n"
                    "  - {name: a, module: m}\n"
                    "  - {name: b, module: m, file_sd: [targets.txt], down_after: 0, labels: {state: x}}\n") ==
        R"(exporter.yml:3:5: error: a probe needs targets
      - {name: a, module: m}
        ^
hint: "targets" lists them, "file_sd" names files that do
exporter.yml:4:36: error: item 1 of "file_sd" must be a path or glob that ends with .json, .yml or .yaml, not "targets.txt"
      - {name: b, module: m, file_sd: [targets.txt], down_after: 0, labels: {state: x}}
                                       ^
exporter.yml:4:62: error: "down_after" must be a whole number from 1 to 1000, not "0"
      - {name: b, module: m, file_sd: [targets.txt], down_after: 0, labels: {state: x}}
                                                                 ^
exporter.yml:4:73: error: label "state" is set by heal-exporter
      - {name: b, module: m, file_sd: [targets.txt], down_after: 0, labels: {state: x}}
                                                                            ^
hint: choose another name
)");
}

TEST_CASE("a scheduled probe's failures are confirmed before its next run is due; no time for that is a warning") {
  const std::string modules = "modules: {m: {prober: tcp, confirm: {interval: 200ms}}}\n";
  config::Diagnostics diagnostics;
  const auto config = parse_config(
      "exporter.yml", modules + "probes: [{name: p, module: m, targets: [a:1], interval: 2s, timeout: 5s}]\n",
      diagnostics);
  REQUIRE(config);
  CHECK(diagnostics.render().empty());
  CHECK(config->probes.at(0).confirm_time() == 1700ms);
  CHECK(messages_of(modules + "probes:\n  - {name: p, module: m, targets: [a:1], interval: 200ms}\n") ==
        R"(exporter.yml:3:5: warning: runs leave no time to confirm a failure, as module "m" asks for
      - {name: p, module: m, targets: [a:1], interval: 200ms}
        ^
hint: it asks again 200ms after the first attempt, and there are 170ms from that one's begin
)");
}

constexpr const char* kFastAlerts = R"(modules: {m: {prober: tcp}}
probes: [{name: nginx, module: m, targets: [a:1]}]
fast_alerts:
  alertmanagers: [{url: 'http://am:9093/'}]
  alerts: [{alertname: Down}]
)";

TEST_CASE("fast_alerts has its defaults, and the alert that covers a probe first is taken") {
  config::Diagnostics diagnostics;
  const auto config = parse_config("exporter.yml", kFastAlerts, diagnostics);
  REQUIRE(config);
  REQUIRE(config->fast_alerts);
  CHECK(config->fast_alerts->refresh_interval == 30s);
  CHECK(config->fast_alerts->timeout == 5s);
  CHECK(config->fast_alerts->alertmanagers.at(0).url == "http://am:9093");
  FastAlertsConfig two = *config->fast_alerts;
  two.alerts = {{"A", {"x"}, {}, {}}, {"B", {}, {}, {}}};
  CHECK(two.rule_of("x")->alertname == "A");
  CHECK(two.rule_of("y")->alertname == "B");
  two.alerts.pop_back();
  CHECK(two.rule_of("y") == nullptr);
}

TEST_CASE("every mistake of fast_alerts is reported with its place and what to do") {
  CHECK(messages_of("modules: {m: {prober: tcp}}\n"
                    "probes: [{name: nginx, module: m, targets: [a:1]}]\n"
                    "fast_alerts:\n"
                    "  alertmanagers:\n"
                    "    - {url: 'http://am:9093'}\n"
                    "    - {url: 'http://am:9093', basic_auth: {username: u, password_file: /nonexistent/p}}\n"
                    "    - {url: am}\n"
                    "  refresh_interval: 500ms\n"
                    "  alerts:\n"
                    "    - alertname: Down\n"
                    "      probes: [ngin]\n"
                    "      labels: {why: '{{ reason }}', alertname: x}\n"
                    "      annotations: {a: 'is {{ raeson }}', b: '{{ target', 9: c}\n"
                    "      anotations: {}\n") ==
        R"(exporter.yml:6:13: error: Alertmanager "http://am:9093" is there twice
        - {url: 'http://am:9093', basic_auth: {username: u, password_file: /nonexistent/p}}
                ^
exporter.yml:6:72: error: /nonexistent/p: no such file or directory
        - {url: 'http://am:9093', basic_auth: {username: u, password_file: /nonexistent/p}}
                                                                           ^
exporter.yml:7:13: error: "url" is not a URL that can be used: it must begin with http:// or https:// and a host
        - {url: am}
                ^
exporter.yml:8:21: error: "refresh_interval" must be from 1s to 10m, not "500ms"
      refresh_interval: 500ms
                        ^
exporter.yml:11:16: error: there is no scheduled probe "ngin"
          probes: [ngin]
                   ^
hint: did you mean "nginx"?
exporter.yml:12:21: error: a label must stay the same while the alert lasts, so it cannot tell what differs from run to run
          labels: {why: '{{ reason }}', alertname: x}
                        ^
hint: phase, reason, message and failures belong into annotations
exporter.yml:12:37: error: "alertname" is not set here
          labels: {why: '{{ reason }}', alertname: x}
                                        ^
hint: it is a key of the alert itself
exporter.yml:13:28: error: "raeson" is nothing that can be told (did you mean "reason"?)
          annotations: {a: 'is {{ raeson }}', b: '{{ target', 9: c}
                               ^
exporter.yml:13:47: error: "{{" is never closed with "}}"
          annotations: {a: 'is {{ raeson }}', b: '{{ target', 9: c}
                                                  ^
exporter.yml:13:59: error: "9" is not a name that Alertmanager takes
          annotations: {a: 'is {{ raeson }}', b: '{{ target', 9: c}
                                                              ^
hint: letters, digits and _, not beginning with a digit
exporter.yml:14:7: error: unknown key "anotations" in an alert
          anotations: {}
          ^
hint: did you mean "annotations"?
)");
}

TEST_CASE("a password of an Alertmanager is read from its file and never shown") {
  test::TempFolder folder;
  folder.write("password", "open sesame\n");
  config::Diagnostics diagnostics;
  const auto config =
      parse_config(folder.file("exporter.yml"),
                   "modules:\nfast_alerts:\n  alertmanagers: [{url: 'https://am', basic_auth: {username: u, "
                   "password_file: password}}, {url: 'http://b', basic_auth: {username: u, password: "
                   "geheim}}]\n  alerts: [{alertname: A}]\n",
                   diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  CHECK(config->fast_alerts->alertmanagers[0].password == "open sesame");
  CHECK(config->yaml().find("sesame") == std::string::npos);
  CHECK(config->yaml().find("geheim") == std::string::npos);
}

TEST_CASE("every mistake of a file is reported at once, with its place and what to do") {
  CHECK(messages_of("modules:\n"
                    "  m: {prober: tcp}\n"
                    "probes:\n"
                    "  - {name: a, module: mm, targets: [x:1], interval: 50ms}\n"
                    "  - {name: b, module: m, targets: [x:1, x:1], jitter: 10s, labels: {probe: x, 9a: y}}\n"
                    "watch:\n"
                    "  docker: [{engine: e, unix: docker.sock}, {engine: e}]\n"
                    "allow_targets: [10.0.0.0/99]\n"
                    "allow_target: []\n") ==
        R"(exporter.yml:4:23: error: there is no module "mm"
      - {name: a, module: mm, targets: [x:1], interval: 50ms}
                          ^
hint: did you mean "m"?
exporter.yml:4:53: error: "interval" must be at least 100ms, not "50ms"
      - {name: a, module: mm, targets: [x:1], interval: 50ms}
                                                        ^
exporter.yml:5:41: error: target "x:1" is there twice
      - {name: b, module: m, targets: [x:1, x:1], jitter: 10s, labels: {probe: x, 9a: y}}
                                            ^
exporter.yml:5:55: error: "jitter" must be at most half the interval, not "10s"
      - {name: b, module: m, targets: [x:1, x:1], jitter: 10s, labels: {probe: x, 9a: y}}
                                                          ^
exporter.yml:5:68: error: "9a" is not a label name
      - {name: b, module: m, targets: [x:1, x:1], jitter: 10s, labels: {probe: x, 9a: y}}
                                                                       ^
hint: letters, digits and _, not beginning with a digit
exporter.yml:5:68: error: label "probe" is set by heal-exporter
      - {name: b, module: m, targets: [x:1, x:1], jitter: 10s, labels: {probe: x, 9a: y}}
                                                                       ^
hint: choose another name
exporter.yml:7:30: error: "unix" must be an absolute path, not "docker.sock"
      docker: [{engine: e, unix: docker.sock}, {engine: e}]
                                 ^
exporter.yml:7:44: error: engine "e" is there twice
      docker: [{engine: e, unix: docker.sock}, {engine: e}]
                                               ^
exporter.yml:8:17: error: "10.0.0.0/99" has a prefix length that is not 0 to 32
    allow_targets: [10.0.0.0/99]
                    ^
hint: for example nginx, *.example.com:443 or 10.0.0.0/8
exporter.yml:9:1: error: unknown key "allow_target" in the file
    allow_target: []
    ^
hint: did you mean "allow_targets"?
)");
}

TEST_CASE("a socket's path in deny_targets is refused at its place, and allow_targets named") {
  CHECK(messages_of("modules:\nallow_targets: [/run/app.sock]\ndeny_targets: ['@app', /run/app.sock]\n") ==
        R"(exporter.yml:3:24: error: the path "/run/app.sock" cannot be denied: there are other paths to its socket
    deny_targets: ['@app', /run/app.sock]
                           ^
hint: for example nginx, *.example.com:443 or 10.0.0.0/8; sockets that may be probed are listed in allow_targets
)");
}

TEST_CASE("what is watched has its defaults, and what is shown of it reads back the same") {
  config::Diagnostics diagnostics;
  const auto config = parse_config("exporter.yml",
                                   "watch:\n"
                                   "  docker: [{engine: e, expect: [a, 'b c']}]\n"
                                   "  processes:\n"
                                   "    - {process: web, name: nginx, in_containers: true}\n"
                                   "    - {process: 'x: y', cmdline: '^a\"b ', exe: /bin/x, pid_file: /run/x.pid}\n"
                                   "  systemd: [{unit: a.service}, {unit: 'b@1.timer'}]\n"
                                   "  host:\n",
                                   diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  CHECK(config->watch.interval == 5s);
  CHECK(config->watch.proc == "/proc");
  CHECK(config->watch.bus == "/run/dbus/system_bus_socket");
  CHECK(config->watch.processes.at(0).in_containers == InContainers::kInclude);
  CHECK(config->watch.units == std::vector<std::string>{"a.service", "b@1.timer"});
  CHECK(config->watch.host == HostWatchConfig());
  const auto again = parse_config("shown.yml", config->yaml(), diagnostics);
  INFO(config->yaml() << diagnostics.render());
  REQUIRE(again);
  CHECK(again->watch == config->watch);
}

TEST_CASE("mistakes in what is watched are reported with their place") {
  CHECK(messages_of("watch:\n"
                    "  interval: 50ms\n"
                    "  processes:\n"
                    "    - {process: a}\n"
                    "    - {process: b, cmdline: '(', exe: x}\n"
                    "    - {process: c, name: c}\n"
                    "    - {process: c, name: d}\n"
                    "  systemd: [{unit: nginx}, {unit: a.service}, {unit: a.service}]\n"
                    "  host: {filesystems: [/, /, var]}\n"
                    "  units: []\n") ==
        R"(exporter.yml:2:13: error: "interval" must be at least 100ms, not "50ms"
      interval: 50ms
                ^
exporter.yml:4:7: error: a process needs name, exe, cmdline or pid_file
        - {process: a}
          ^
exporter.yml:5:29: error: "(" is not a regular expression: missing ): (
        - {process: b, cmdline: '(', exe: x}
                                ^
exporter.yml:5:39: error: "exe" must be an absolute path, not "x"
        - {process: b, cmdline: '(', exe: x}
                                          ^
exporter.yml:7:7: error: process "c" is there twice
        - {process: c, name: d}
          ^
exporter.yml:8:20: error: "unit" must be the name of a unit, not "nginx"
      systemd: [{unit: nginx}, {unit: a.service}, {unit: a.service}]
                       ^
hint: with its type, for example nginx.service
exporter.yml:8:47: error: unit "a.service" is there twice
      systemd: [{unit: nginx}, {unit: a.service}, {unit: a.service}]
                                                  ^
exporter.yml:9:27: error: file system "/" is there twice
      host: {filesystems: [/, /, var]}
                              ^
exporter.yml:9:30: error: item 3 of "filesystems" must be an absolute path, not "var"
      host: {filesystems: [/, /, var]}
                                 ^
exporter.yml:10:3: error: unknown key "units" in watch
      units: []
      ^
hint: expected one of interval, proc, bus, docker, processes, systemd, host
)");
}

TEST_CASE("a mount point with a slash at its end is the same one without") {
  CHECK(messages_of("modules: {}\nwatch: {host: {filesystems: [//, /data/, /data]}}\n") ==
        R"(exporter.yml:2:42: error: file system "/data" is there twice
    watch: {host: {filesystems: [//, /data/, /data]}}
                                             ^
)");
}

TEST_CASE("a file without modules is allowed, an empty one is not") {
  CHECK(messages_of("modules:\n").empty());
  CHECK(messages_of("") == "exporter.yml:1:1: error: the file is empty\nhint: it needs at least \"modules:\"\n");
}

TEST_CASE("a file that is not there is named") {
  config::Diagnostics diagnostics;
  CHECK_FALSE(load_config("/nonexistent/exporter.yml", diagnostics));
  CHECK(diagnostics.render() == "error: /nonexistent/exporter.yml: no such file or directory\n");
}

}  // namespace
}  // namespace heal::exporter
