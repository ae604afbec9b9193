#include "exporter/host_watch.h"

#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_host_reader.h"

namespace heal::exporter {
namespace {

class HostBench {
 public:
  HostBench() {
    HostUsage usage;
    usage.cpu_seconds = {{"idle", 100}, {"user", 20.5}};
    usage.cpus = 2;
    usage.load = {0.5, 1, 2};
    usage.memory_bytes = 8000;
    usage.memory_available_bytes = 3000;
    usage.pressure = {{"cpu", {1.5, std::nullopt}}, {"memory", {0.5, 0.25}}};
    machine->set_usage(usage);
    machine->mount("/", {100, 40, 10, 4, false});
  }
  ~HostBench() { machine->release(); }
  /// Until the file system has answered.
  void await(const std::string& mount_point) {
    while (watch.answer_of(mount_point).asking_since)
      std::this_thread::yield();
  }
  /// The exposition's sample lines that begin with `prefix`.
  std::string lines(const std::string& prefix) {
    ExpositionWriter out;
    watch.write(out);
    std::string found;
    std::string_view text = out.text();
    while (!text.empty()) {
      const std::size_t end = text.find('\n') + 1;
      if (text.starts_with(prefix)) found += text.substr(0, end);
      text.remove_prefix(end);
    }
    return found;
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  std::shared_ptr<SimHostReader> machine = std::make_shared<SimHostReader>();
  HostWatch watch{{5s, "/proc", {{"/", "/nfs", "/unmounted"}}}, machine, clock, Logger::none()};
};

TEST_CASE("what the host uses is shown, and what the kernel does not tell is not") {
  HostBench bench;
  bench.watch.look();
  CHECK(bench.lines("heal_host_cpu_") ==
        "heal_host_cpu_seconds_total{mode=\"idle\"} 100\nheal_host_cpu_seconds_total{mode=\"user\"} 20.5\n");
  CHECK(bench.lines("heal_host_load") == "heal_host_load1 0.5\nheal_host_load5 1\nheal_host_load15 2\n");
  CHECK(bench.lines("heal_host_memory") == "heal_host_memory_size_bytes 8000\nheal_host_memory_available_bytes 3000\n");
  CHECK(bench.lines("heal_host_swap").empty());
  CHECK(bench.lines("heal_host_pressure_") ==
        "heal_host_pressure_waiting_seconds_total{resource=\"cpu\"} 1.5\n"
        "heal_host_pressure_waiting_seconds_total{resource=\"memory\"} 0.5\n"
        "heal_host_pressure_stalled_seconds_total{resource=\"memory\"} 0.25\n");
}

TEST_CASE("a file system that hangs keeps nobody waiting, is shown as down, and is not asked twice") {
  HostBench bench;
  bench.machine->mount("/nfs", {1000, 900, 0, 0, true});
  bench.machine->hang("/nfs");
  bench.watch.look();
  bench.await("/");
  bench.await("/unmounted");
  CHECK(bench.lines("heal_host_filesystem_up") ==
        "heal_host_filesystem_up{mountpoint=\"/\"} 1\nheal_host_filesystem_up{mountpoint=\"/unmounted\"} 0\n");
  bench.clock.advance(6s);
  bench.watch.look();
  bench.await("/");
  bench.await("/unmounted");
  CHECK(bench.lines("heal_host_filesystem_up") ==
        "heal_host_filesystem_up{mountpoint=\"/\"} 1\nheal_host_filesystem_up{mountpoint=\"/nfs\"} 0\n"
        "heal_host_filesystem_up{mountpoint=\"/unmounted\"} 0\n");
  CHECK(bench.lines("heal_host_filesystem_size") == "heal_host_filesystem_size_bytes{mountpoint=\"/\"} 100\n");
  bench.machine->release();
  bench.await("/nfs");
  CHECK(bench.lines("heal_host_filesystem_available") ==
        "heal_host_filesystem_available_bytes{mountpoint=\"/\"} 40\n"
        "heal_host_filesystem_available_bytes{mountpoint=\"/nfs\"} 900\n");
  CHECK(bench.lines("heal_host_filesystem_readonly") ==
        "heal_host_filesystem_readonly{mountpoint=\"/\"} 0\nheal_host_filesystem_readonly{mountpoint=\"/nfs\"} 1\n");
}

TEST_CASE("a watch that goes away does not wait for a file system that hangs") {
  auto machine = std::make_shared<SimHostReader>();
  machine->hang("/");
  FakeClock clock{FakeClock::Sleeping::kAdvances};
  {
    HostWatch watch({}, machine, clock, Logger::none());
    watch.look();
  }
  machine->release();
}

TEST_CASE("a host that cannot be read is said to be so, and shows no numbers") {
  HostBench bench;
  bench.watch.look();
  bench.machine->fail_next(Error(ErrorCode::kUnauthorized, "permission denied"));
  bench.watch.look();
  CHECK(bench.lines("heal_host_cpu").empty());
  ExpositionWriter out;
  CHECK(bench.watch.write(out).reason == "unauthorized");
}

}  // namespace
}  // namespace heal::exporter
