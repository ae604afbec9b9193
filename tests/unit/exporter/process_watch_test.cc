#include "exporter/process_watch.h"

#include <system_error>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_host_reader.h"
#include "exporter/watches.h"

namespace heal::exporter {
namespace {

SeenProcess process(std::int64_t pid, std::uint64_t started, const std::string& name, double cpu_seconds = 1) {
  return {pid, started, name, WallTime(std::chrono::seconds(started)), cpu_seconds, 1000, 2};
}

/// The processes named `app`, or another matcher's.
class ProcessBench {
 public:
  explicit ProcessBench(ProcessMatcher matcher = named("app")) {
    watch.emplace(ProcessWatchConfig{5s, "/proc", {std::move(matcher)}}, machine, clock, Logger::none());
  }
  static ProcessMatcher named(const std::string& name) {
    ProcessMatcher matcher;
    matcher.process = "app";
    matcher.name = name;
    return matcher;
  }
  void put(std::int64_t pid, std::uint64_t started, double cpu_seconds = 1) {
    machine->put(process(pid, started, "app", cpu_seconds), {"/usr/bin/app", "app --serve", false});
  }
  /// The value of a metric of the matcher; "" when it is absent.
  std::string value(const std::string& name) {
    ExpositionWriter out;
    watch->write(out);
    const std::string sample = "\n" + name + "{process=\"app\"} ";
    const std::size_t at = out.text().find(sample);
    if (at == std::string::npos) return "";
    const std::size_t begin = at + sample.size();
    return out.text().substr(begin, out.text().find('\n', begin) - begin);
  }
  std::string look_for(const std::string& name) {
    watch->look({});
    return value(name);
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  std::shared_ptr<SimHostReader> machine = std::make_shared<SimHostReader>();
  std::optional<ProcessWatch> watch;
};

TEST_CASE("a process that never ran is down, not absent") {
  ProcessBench bench;
  CHECK(bench.look_for("heal_process_up") == "0");
  CHECK(bench.value("heal_process_instances") == "0");
  CHECK(bench.value("heal_process_restarts_total") == "0");
  CHECK(bench.value("heal_process_start_time_seconds").empty());
}

TEST_CASE("what several processes of one matcher use is summed, and the oldest one's start is shown") {
  ProcessBench bench;
  bench.put(10, 500, 2.5);
  bench.put(11, 400, 1.5);
  bench.machine->put(process(12, 300, "other"), {});
  bench.watch->look({});
  ExpositionWriter out;
  CHECK(bench.watch->write(out).up);
  std::string samples;
  for (const char* name : {"up", "instances", "cpu_seconds_total", "resident_memory_bytes", "threads", "open_fds",
                           "start_time_seconds", "starts_total", "restarts_total"})
    samples += std::string(name) + " " + bench.value(std::string("heal_process_") + name) + "\n";
  CHECK(samples ==
        "up 1\ninstances 2\ncpu_seconds_total 4\nresident_memory_bytes 2000\nthreads 4\nopen_fds 6\n"
        "start_time_seconds 400\nstarts_total 0\nrestarts_total 0\n");
}

TEST_CASE("each condition of a matcher narrows it") {
  struct Case {
    std::string name;
    std::function<void(ProcessMatcher&)> narrow;
    std::string up;
  };
  const auto c = GENERATE(values<Case>({
      {"exe", [](auto& m) { m.exe = "/usr/bin/app"; }, "1"},
      {"another exe", [](auto& m) { m.exe = "/usr/bin/ap"; }, "0"},
      {"cmdline anywhere", [](auto& m) { m.cmdline = Regex::compile("-serve$").value(); }, "1"},
      {"another cmdline", [](auto& m) { m.cmdline = Regex::compile("^serve").value(); }, "0"},
      {"pid file", [](auto& m) { m.pid_file = "/run/app.pid"; }, "1"},
      {"another pid file", [](auto& m) { m.pid_file = "/run/other.pid"; }, "0"},
      {"no pid file", [](auto& m) { m.pid_file = "/run/none.pid"; }, "0"},
      {"all at once",
       [](auto& m) {
         m.exe = "/usr/bin/app";
         m.cmdline = Regex::compile("^app ").value();
         m.pid_file = "/run/app.pid";
       },
       "1"},
  }));
  CAPTURE(c.name);
  ProcessMatcher matcher = ProcessBench::named("app");
  c.narrow(matcher);
  ProcessBench bench(matcher);
  bench.put(10, 500);
  bench.machine->write_pid_file("/run/app.pid", 10);
  bench.machine->write_pid_file("/run/other.pid", 11);
  CHECK(bench.look_for("heal_process_up") == c.up);
}

TEST_CASE("of a long name the kernel keeps 15 bytes, and a matcher finds it all the same") {
  ProcessBench bench(ProcessBench::named("systemd-networkd"));
  bench.machine->put(process(10, 1, "systemd-network"), {});
  CHECK(bench.look_for("heal_process_up") == "1");
}

TEST_CASE("what runs in a container is left out unless it is asked for") {
  ProcessMatcher matcher = ProcessBench::named("app");
  matcher.in_containers = GENERATE(InContainers::kExclude, InContainers::kInclude);
  ProcessBench bench(matcher);
  bench.machine->put(process(10, 1, "app"), {"/usr/bin/app", "app", true});
  CHECK(bench.look_for("heal_process_up") == (matcher.in_containers == InContainers::kInclude ? "1" : "0"));
}

TEST_CASE("a process in the place of one that has gone is a restart, under the same pid too") {
  const std::int64_t pid = GENERATE(10, 20);
  ProcessBench bench;
  bench.put(10, 500);
  bench.watch->look({});
  bench.machine->end(10);
  bench.put(pid, 900);
  CHECK(bench.look_for("heal_process_restarts_total") == "1");
  CHECK(bench.value("heal_process_starts_total") == "1");
  CHECK(bench.look_for("heal_process_restarts_total") == "1");
}

TEST_CASE("one that comes back after looks that found none is a restart") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.watch->look({});
  bench.machine->end(10);
  CHECK(bench.look_for("heal_process_up") == "0");
  CHECK(bench.look_for("heal_process_restarts_total") == "0");
  bench.put(11, 900);
  CHECK(bench.look_for("heal_process_restarts_total") == "1");
}

TEST_CASE("workers that come and go under a master are starts and no restarts") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.put(11, 600);
  bench.watch->look({});
  bench.machine->end(11);
  bench.put(12, 700);
  CHECK(bench.look_for("heal_process_starts_total") == "1");
  CHECK(bench.value("heal_process_restarts_total") == "0");
}

TEST_CASE("a first start is no restart") {
  ProcessBench bench;
  bench.watch->look({});
  bench.put(10, 500);
  CHECK(bench.look_for("heal_process_starts_total") == "1");
  CHECK(bench.value("heal_process_restarts_total") == "0");
}

TEST_CASE("CPU time never goes back, also when processes end or look like others for a while") {
  ProcessBench bench;
  bench.put(10, 500, 7);
  bench.put(11, 600, 3);
  CHECK(bench.look_for("heal_process_cpu_seconds_total") == "10");
  bench.machine->end(11);
  CHECK(bench.look_for("heal_process_cpu_seconds_total") == "10");
  bench.machine->put(process(10, 500, "renamed", 8), {});
  CHECK(bench.look_for("heal_process_cpu_seconds_total") == "10");
  bench.put(10, 500, 9);
  CHECK(bench.look_for("heal_process_cpu_seconds_total") == "12");
  CHECK(bench.value("heal_process_starts_total") == "0");
}

TEST_CASE("a process that vanishes while it is read is nobody's") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.machine->end_after_look(10);
  CHECK(bench.look_for("heal_process_up") == "0");
}

TEST_CASE("descriptors that may not be seen are no number") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.put(11, 500);
  bench.machine->hide_fds(11);
  CHECK(bench.look_for("heal_process_open_fds").empty());
  CHECK(bench.value("heal_process_up") == "1");
}

TEST_CASE("whether a process runs whose program may not be seen is not known, unless another one is found") {
  ProcessMatcher matcher = ProcessBench::named("");
  matcher.exe = "/usr/bin/app";
  ProcessBench bench(matcher);
  bench.machine->put(process(10, 500, "other"), {std::nullopt, "/usr/bin/other app", false});
  CHECK(bench.look_for("heal_process_up") == "0");
  bench.machine->put(process(10, 500, GENERATE("app", "changed")), {std::nullopt, "/opt/app --serve", false});
  CHECK(bench.look_for("heal_process_up").empty());
  CHECK(bench.value("heal_process_restarts_total").empty());
  bench.put(11, 600);
  CHECK(bench.look_for("heal_process_up") == "1");
  CHECK(bench.value("heal_process_instances") == "1");
}

TEST_CASE("where the processes of others are hidden, one that is not found is neither up nor down") {
  ProcessBench bench;
  SeenProcess hidden;
  hidden.pid = 10;
  hidden.is_hidden = true;
  bench.machine->put(hidden, {});
  CHECK(bench.look_for("heal_process_up").empty());
  bench.put(11, 600);
  CHECK(bench.look_for("heal_process_up") == "1");
}

TEST_CASE("a process that could not be read has not ended for that, and is read at the next look") {
  ProcessBench bench;
  bench.put(10, 500);
  struct Case {
    ErrorCode code;
    std::string up, reason;
  };
  const auto c = GENERATE(values<Case>({
      {ErrorCode::kNotFound, "0", ""},
      {ErrorCode::kUnauthorized, "", ""},
      {ErrorCode::kInternal, "", "internal"},  // no descriptor to spare and the like
  }));
  bench.machine->fail_next_program(Error(c.code, "no"));
  CHECK(bench.look_for("heal_process_up") == c.up);
  ExpositionWriter out;
  const WatchState state = bench.watch->write(out);
  CHECK(state.up == c.reason.empty());
  CHECK(state.reason == c.reason);
  CHECK(bench.look_for("heal_process_up") == "1");
}

TEST_CASE("what thousands of processes run is read once, and then now and then") {
  constexpr std::size_t kMany = 6000;
  ProcessMatcher matcher = ProcessBench::named("");
  matcher.cmdline = Regex::compile("^app ").value();
  ProcessBench bench(matcher);
  for (std::size_t i = 1; i <= kMany; ++i)
    bench.machine->put(process(static_cast<std::int64_t>(i), i, "x y) (\n"), {"/bin/x", "x\n(", false});
  bench.watch->look({});
  CHECK(bench.machine->programs_read() == kMany);
  for (std::uint64_t i = 0; i < ProcessSearch::kLooksKept; ++i)
    bench.watch->look({});
  CHECK(bench.machine->programs_read() == 2 * kMany);
}

TEST_CASE("a machine that cannot be read is said to be so, and its processes are neither up nor down") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.watch->look({});
  bench.machine->fail_next(Error(ErrorCode::kNotFound, "no such file"));
  CHECK(bench.look_for("heal_process_up").empty());
  ExpositionWriter out;
  const WatchState state = bench.watch->write(out);
  CHECK_FALSE(state.up);
  CHECK(state.reason == "not_found");
  CHECK(bench.look_for("heal_process_up") == "1");
}

TEST_CASE("a look that does not come back is shown as such after three intervals") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.watch->look({});
  bench.clock.advance(16s);
  CHECK(bench.value("heal_process_up").empty());
  ExpositionWriter out;
  const WatchState state = bench.watch->write(out);
  CHECK_FALSE(state.up);
  CHECK(state.reason == "timeout");
}

TEST_CASE("a stop does not wait for a process whose files hang in the kernel, nor does a watch that goes away") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.machine->hang_programs();
  {
    std::jthread looking([&](const std::stop_token& stop) { bench.watch->look(stop); });
    bench.machine->await_hanging();
  }
  // It is not asked again meanwhile: one thread hangs, and not one more with every look.
  bench.watch->look({});
  CHECK(bench.machine->programs_read() == 1);
  CHECK(bench.value("heal_process_up").empty());
  bench.watch.reset();
  bench.machine->release();
}

TEST_CASE("what hung goes on to be looked at once the kernel lets go of it") {
  ProcessBench bench;
  bench.put(10, 500);
  bench.machine->hang_programs();
  {
    std::jthread looking([&](const std::stop_token& stop) { bench.watch->look(stop); });
    bench.machine->await_hanging();
  }
  bench.machine->release();
  while (bench.look_for("heal_process_up") != "1")
    std::this_thread::yield();
}

TEST_CASE("when the host has no thread for one of the watches, the others end and those that ran before go on") {
  FakeClock clock;
  const auto machine = std::make_shared<SimHostReader>();
  bool has_threads = true;
  WatchWorld world;
  world.make_engine = [&](const DockerWatchConfig&) { return std::make_unique<SimContainerEngine>(clock); };
  // As starting the watch itself does on such a host.
  world.make_reader = [&](const std::string&) -> std::shared_ptr<HostReader> {
    if (!has_threads) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    return machine;
  };
  WatchConfig config;
  config.processes = {ProcessBench::named("app")};
  const Watches before(config, Watches(), world, clock, Logger::none());
  clock.wait_for_sleepers(1);

  has_threads = false;
  WatchConfig more = config;
  more.interval += 1s;
  more.docker.emplace_back();
  CHECK_THROWS_AS(Watches(more, before, world, clock, Logger::none()), std::system_error);
  CHECK(clock.sleepers() == 1);  // the watch of before, and nobody of the engine's
  before.stop();
}

}  // namespace
}  // namespace heal::exporter
