#include "exporter/config.h"

#include <catch2/catch.hpp>

#include "common/config/file.h"

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
  CHECK(again->docker == config->docker);
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
