// What heal-exporter watches, as a program: the real Docker engine, processes of this machine, the host.
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/check.h"
#include "common/system/posix_process_runner.h"
#include "heal_test_paths.h"
#include "tests/contract/exporter/programs.h"
#include "tests/support/temp_folder.h"

namespace heal::test {
namespace {

const std::string kImage = "promheal-test/busybox:contract";
const std::string kAwaitsStart = "while [ ! -e /begin ]; do sleep 1; done; ";

/// heal-exporter that watches and probes nothing.
class Exporter {
 public:
  explicit Exporter(const std::string& watch) : port_(free_port()) {
    const std::string file = folder_.write("exporter.yml", "modules: {}\nwatch:\n" + watch);
    program_.emplace(std::vector<std::string>{HEAL_BIN_DIR "/heal-exporter", "--config.file=" + file,
                                              "--web.listen-address=127.0.0.1:" + std::to_string(port_),
                                              "--log.level=error"});
    client.wait_for(port_);
  }
  std::string page() { return client.get(port_, "/metrics").body; }
  /// The value of a sample, `name{labels}`; "" when it is absent.
  std::string value(const std::string& sample) {
    const std::string text = page();
    const std::size_t at = text.find("\n" + sample + " ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + sample.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  void await(const std::string& sample, const std::string& wanted) {
    CAPTURE(sample, wanted);
    client.wait_until([&] { return value(sample) == wanted; });
  }
  /// Until the engine is watched and was seen to run the container.
  void await_running(const std::string& state_running) {
    await("heal_watch_up{watch=\"docker\",engine=\"local\"}", "1");
    await(state_running, "1");
  }
  bool passes_promtool() {
    const std::string file = folder_.write("page.metrics", page());
    return std::system(("promtool check metrics < " + file).c_str()) == 0;
  }

  Client client;

 private:
  TempFolder folder_;
  std::uint16_t port_;
  std::optional<Program> program_;
};

/// A container of the real engine, watched by a label of its own.
class Container {
 public:
  explicit Container(const std::vector<std::string>& options, const std::vector<std::string>& program) {
    static int count = 0;
    name = fmt::format("heal-watch-{}-{}", getpid(), ++count);
    label = "heal.test-" + name;
    std::vector<std::string> all{
        "run", "-d", "--name", name, "--label", label + "=true", "--label", "heal.test=contract", "--network", "none"};
    all.insert(all.end(), options.begin(), options.end());
    all.push_back(kImage);
    all.insert(all.end(), program.begin(), program.end());
    HEAL_CHECK(docker(all), "a container can be run");
  }
  ~Container() { docker({"rm", "-f", name}); }
  bool docker(const std::vector<std::string>& arguments) {
    ProcessSpec spec;
    spec.argv = {"/usr/bin/docker"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/tmp"}};
    const auto outcome = processes_.run(spec, clock_.deadline_in(60s), {});
    return outcome.has_value() && outcome->ok();
  }
  /// What a program with kAwaitsStart waits for.
  void begin() {
    TempFolder folder;
    const std::string file = folder.write("begin", "");
    HEAL_CHECK(docker({"cp", file, name + ":/begin"}), "a file can be put into a container");
  }
  std::string watch() const { return "  docker: [{engine: local, label: " + label + ", interval: 1h}]\n"; }
  std::string of(const std::string& metric, const std::string& labels = "") const {
    return metric + "{engine=\"local\",container=\"" + name + "\"" + labels + "}";
  }
  std::string deaths(const std::string& code) const {
    return of("heal_container_deaths_total", ",exit_code=\"" + code + "\"");
  }

  std::string name, label;

 private:
  PosixProcessRunner processes_;
  SystemClock clock_;
};

TEST_CASE("a real container that dies and runs again between two looks is counted, with its exit code and its log") {
  Container container({}, {"/bin/sh", "-c", "echo hello; sleep 1000 & wait; exit 42"});
  Exporter exporter(container.watch());
  exporter.await(container.of("heal_container_up", ",image=\"" + kImage + "\",group=\"\""), "1");
  exporter.await(container.deaths("137"), "0");
  for (int deaths = 1; deaths <= 2; ++deaths) {
    REQUIRE(container.docker({"kill", "--signal", "KILL", container.name}));
    exporter.await(container.deaths("137"), std::to_string(deaths));
    REQUIRE(container.docker({"start", container.name}));
  }
  exporter.await(container.of("heal_container_state", ",state=\"running\""), "1");
  CHECK_FALSE(exporter.value(container.of("heal_container_last_log_timestamp_seconds")).empty());
  CHECK(exporter.value("heal_watch_up{watch=\"docker\",engine=\"local\"}") == "1");
  CHECK(exporter.passes_promtool());
}

TEST_CASE("a real container that the restart policy brings back at once is counted each time, and by no look again") {
  Container container({"--restart", "on-failure:3"}, {"/bin/sh", "-c", kAwaitsStart + "exit 5"});
  // A look every 100 ms would find each death a second time.
  Exporter exporter("  docker: [{engine: local, label: " + container.label + ", interval: 100ms}]\n");
  exporter.await_running(container.of("heal_container_state", ",state=\"running\""));
  container.begin();
  exporter.await(container.of("heal_container_restarts_total"), "3");
  exporter.await(container.of("heal_container_state", ",state=\"exited\""), "1");
  const std::string counted = "4";
  exporter.await(container.deaths("5"), counted);
  // Two seconds after a look has found it, a death without an event would be counted.
  const double last_death = std::stod(exporter.value(container.of("heal_container_last_death_timestamp_seconds")));
  exporter.client.wait_until([&] {
    return std::stod(exporter.value("heal_watch_last_success_timestamp_seconds{watch=\"docker\",engine=\"local\"}")) >
           last_death + 3;
  });
  CHECK(exporter.value(container.deaths("5")) == counted);
  CHECK(exporter.value(container.deaths("unknown")).empty());
}

TEST_CASE("a real container without memory enough has its kills counted") {
  Container container({"--memory", "8m", "--memory-swap", "8m"},
                      {"/bin/sh", "-c", kAwaitsStart + "x=aaaaaaaa; while :; do x=$x$x; done"});
  Exporter exporter(container.watch());
  exporter.await_running(container.of("heal_container_state", ",state=\"running\""));
  container.begin();
  exporter.await(container.deaths("137"), "1");
  exporter.client.wait_until(
      [&] { return exporter.value(container.of("heal_container_oom_kills_total")).find_first_not_of("0") == 0; });
}

TEST_CASE("an engine that is not there stops nothing") {
  Exporter exporter("  docker: [{engine: gone, unix: /nonexistent/docker.sock, interval: 100ms}]\n");
  exporter.await("heal_watch_failure_info{watch=\"docker\",engine=\"gone\",reason=\"unreachable\"}", "1");
  CHECK(exporter.value("heal_watch_up{watch=\"docker\",engine=\"gone\"}") == "0");
}

TEST_CASE("a process that is replaced is a restart, and one that ends is down") {
  TempFolder folder;
  std::filesystem::copy_file("/bin/busybox", folder.file("sleep"));
  Exporter exporter("  interval: 100ms\n  processes:\n    - {process: app, exe: '" + folder.file("sleep") +
                    "'}\n    - {process: arguments, cmdline: 'sleep 1000$', exe: '" + folder.file("sleep") + "'}\n" +
                    "    - {process: exporter, name: heal-exporter, cmdline: '" + folder.path().string() + "|.'}\n");
  const auto of_app = [](const std::string& metric) { return metric + "{process=\"app\"}"; };
  exporter.await(of_app("heal_process_up"), "0");
  {
    Program app({folder.file("sleep"), "1000"});
    exporter.await(of_app("heal_process_up"), "1");
    exporter.await("heal_process_instances{process=\"arguments\"}", "1");
    CHECK(exporter.value(of_app("heal_process_starts_total")) == "1");
    CHECK_FALSE(exporter.value(of_app("heal_process_open_fds")).empty());
    CHECK_FALSE(exporter.value(of_app("heal_process_start_time_seconds")).empty());
  }
  exporter.await(of_app("heal_process_up"), "0");
  CHECK(exporter.value(of_app("heal_process_restarts_total")) == "0");
  Program app({folder.file("sleep"), "2000"});
  exporter.await(of_app("heal_process_restarts_total"), "1");
  CHECK(exporter.value("heal_process_up{process=\"arguments\"}") == "0");
  CHECK(exporter.value("heal_process_up{process=\"exporter\"}") == "1");
  CHECK(exporter.passes_promtool());
}

TEST_CASE("the host is shown, and the page passes promtool; no systemd is said to be so") {
  Exporter exporter(
      "  interval: 100ms\n  bus: /nonexistent/bus\n  systemd: [{unit: app.service}]\n"
      "  host: {filesystems: [/, /etc/nothing]}\n");
  exporter.await("heal_host_filesystem_up{mountpoint=\"/\"}", "1");
  exporter.await("heal_host_filesystem_up{mountpoint=\"/etc/nothing\"}", "0");
  exporter.await("heal_watch_failure_info{watch=\"systemd\",engine=\"\",reason=\"unreachable\"}", "1");
  for (const char* sample :
       {"heal_host_cpu_seconds_total{mode=\"idle\"}", "heal_host_load1", "heal_host_memory_available_bytes",
        "heal_host_filesystem_available_bytes{mountpoint=\"/\"}", "heal_host_forks_total",
        "heal_watch_last_success_timestamp_seconds{watch=\"host\",engine=\"\"}"}) {
    CAPTURE(sample);
    CHECK_FALSE(exporter.value(sample).empty());
  }
  CHECK(exporter.value("heal_watch_up{watch=\"systemd\",engine=\"\"}") == "0");
  CHECK(exporter.value("heal_unit_up{unit=\"app.service\"}").empty());
  CHECK(exporter.passes_promtool());
}

}  // namespace
}  // namespace heal::test
