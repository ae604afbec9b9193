#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_probe_io.h"
#include "exporter/history.h"
#include "exporter/probe_scheduler.h"

namespace heal::exporter {
namespace {

const SocketAddress kServer{*IpAddress::parse("192.0.2.1"), 80};

ExporterConfig config_of(const std::string& probes) {
  config::Diagnostics diagnostics;
  auto config = parse_config("exporter.yml", "modules: {m: {prober: tcp}}\nprobes: " + probes, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  return *std::move(config);
}

class Bench {
 public:
  ~Bench() {
    std::jthread runner([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        io.run();
    });
    engine.stop();
  }
  std::unique_ptr<ProbeScheduler> scheduler(const ExporterConfig& config, const ProbeScheduler* previous = nullptr,
                                            std::size_t limit = 100) {
    return std::make_unique<ProbeScheduler>(ProbeScheduler::Context{engine, clock, random, counters, limit}, config,
                                            previous);
  }
  void run(ProbeScheduler& scheduler) {
    scheduler.run_due();
    io.run();
  }

  FakeClock clock;
  SequenceRandom random;
  SimProbeIo io{clock};
  probe::Engine engine{{&io}, clock};
  Metrics metrics{"heal_exporter"};
  SchedulerMetrics counters{metrics};
};

TEST_CASE("every run is counted, so that a failure between two scrapes is seen") {
  Bench bench;
  const auto scheduler =
      bench.scheduler(config_of("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s}]"));
  bench.io.serve_lines(kServer, {});
  bench.run(*scheduler);
  bench.clock.advance(1s);
  bench.io.serve_lines(kServer, {}, SimProbeIo::AtEnd::kStays);
  const auto numbers = [&] { return scheduler->series().at(0)->numbers(); };
  bench.run(*scheduler);
  CHECK(numbers().successes == 2);
  CHECK(numbers().last_success);
  CHECK(numbers().consecutive_failures == 0);
}

TEST_CASE("failures are counted by reason and reset by a success") {
  Bench bench;
  const auto scheduler =
      bench.scheduler(config_of("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s}]"));
  const auto numbers = [&] { return scheduler->series().at(0)->numbers(); };
  for (int i = 0; i < 3; ++i) {
    bench.run(*scheduler);
    bench.clock.advance(1s);
  }
  CHECK(numbers().consecutive_failures == 3);
  CHECK(numbers().by_reason == std::map<std::string, std::uint64_t>{{"refused", 3}});
  CHECK(numbers().last_phase == "connect");
  bench.io.serve_lines(kServer, {});
  bench.run(*scheduler);
  CHECK(numbers().consecutive_failures == 0);
  CHECK(numbers().failures == 3);
}

TEST_CASE("a run that has not ended is never doubled") {
  Bench bench;
  const auto scheduler = bench.scheduler(
      config_of("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s, timeout: 10s}]"));
  // Begun, and kept from ending by a loop that is not run.
  scheduler->run_due();
  bench.clock.advance(1s);
  scheduler->run_due();
  CHECK(bench.counters.skipped_running.value() == 1);
  CHECK(bench.engine.in_flight() == 1);
  bench.io.run();
}

TEST_CASE("no more probes than the limit are in flight") {
  Bench bench;
  const auto scheduler = bench.scheduler(
      config_of("[{name: p, module: m, targets: ['192.0.2.1:1', '192.0.2.1:2', '192.0.2.1:3'], jitter: 0s}]"), nullptr,
      2);
  bench.clock.advance(10s);
  scheduler->run_due();
  CHECK(bench.engine.in_flight() == 2);
  CHECK(bench.counters.skipped_at_limit.value() == 1);
  bench.io.run();
}

TEST_CASE("a reload keeps the counts of what stays and forgets what goes") {
  Bench bench;
  const auto first = bench.scheduler(
      config_of("[{name: p, module: m, targets: ['192.0.2.1:80', '192.0.2.2:80'], interval: 1s, jitter: 0s}]"));
  bench.clock.advance(1s);
  bench.run(*first);
  const auto second = bench.scheduler(
      config_of("[{name: p, module: m, targets: ['192.0.2.2:80', '192.0.2.3:80'], interval: 5s}]"), first.get());
  REQUIRE(second->series().size() == 2);
  CHECK(second->series()[0] == first->series()[1]);
  CHECK(second->series()[1]->numbers().runs() == 0);
}

TEST_CASE("the exposition of a scheduled probe") {
  Bench bench;
  const auto scheduler = bench.scheduler(
      config_of("[{name: p, module: m, targets: ['192.0.2.1:80'], labels: {service: \"a\\\"b\"}, jitter: 0s}]"));
  bench.run(*scheduler);
  ExpositionWriter out;
  write_probe_series(scheduler->series(), out);
  const std::string& text = out.text();
  const std::string labels = "module=\"m\",probe=\"p\",service=\"a\\\"b\",target=\"192.0.2.1:80\"";
  for (const std::string& line :
       {"heal_probe_success{" + labels + "} 0\n", "heal_probe_consecutive_failures{" + labels + "} 1\n",
        "heal_probe_last_run_timestamp_seconds{" + labels + "} 1.893553445e+09\n",
        "heal_probe_runs_total{" + labels + ",result=\"success\"} 0\n",
        "heal_probe_runs_total{" + labels + ",result=\"failure\"} 1\n",
        "heal_probe_failures_total{" + labels + ",reason=\"refused\"} 1\n",
        "heal_probe_failure_info{" + labels + ",phase=\"connect\",reason=\"refused\"} 1\n",
        "heal_probe_duration_seconds_bucket{" + labels + ",le=\"0.001\"} 1\n",
        "heal_probe_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} 1\n",
        "heal_probe_duration_seconds_count{" + labels + "} 1\n"}) {
    CAPTURE(line);
    CHECK(text.find("\n" + line) != std::string::npos);
  }
}

TEST_CASE("failures outlive successes in the history") {
  History history(2);
  const auto module = std::make_shared<const probe::Module>();
  const auto add = [&](bool success) {
    ProbeResult result;
    result.success = success;
    history.add(module, "t", result);
  };
  for (const bool success : {false, true, true, true})
    add(success);
  std::vector<std::int64_t> ids;
  for (const auto& entry : history.list())
    ids.push_back(entry->id);
  CHECK(ids == std::vector<std::int64_t>{3, 2, 0});
  CHECK(history.find(0));
  CHECK_FALSE(history.find(1));
}

}  // namespace
}  // namespace heal::exporter
