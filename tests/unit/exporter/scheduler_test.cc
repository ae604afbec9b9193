#include <system_error>
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

ExporterConfig config_with(const std::string& probes, const std::string& module = "{prober: tcp}") {
  config::Diagnostics diagnostics;
  auto config = parse_config("exporter.yml", "modules: {m: " + module + "}\nprobes: " + probes, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  return *std::move(config);
}

class SchedulerBench {
 public:
  ~SchedulerBench() {
    std::jthread runner([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        io.run();
    });
    engine.stop();
  }
  std::unique_ptr<ProbeScheduler> scheduler(const ExporterConfig& config, const ProbeScheduler* previous = nullptr,
                                            std::size_t limit = 100, const FoundTargets& found = {}) {
    return std::make_unique<ProbeScheduler>(
        ProbeScheduler::Context{engine, clock, random, counters, limit, &failures, [this] { ++transitions; }}, config,
        previous, found);
  }
  void run(ProbeScheduler& scheduler) {
    scheduler.run_due();
    io.run();
  }

  History failures{10};
  int transitions = 0;
  FakeClock clock;
  SequenceRandom random;
  SimProbeIo io{clock};
  probe::Engine engine{{&io}, clock};
  Metrics metrics{"heal_exporter"};
  SchedulerMetrics counters{metrics};
};

TEST_CASE("every run is counted, so that a failure between two scrapes is seen") {
  SchedulerBench bench;
  const auto scheduler =
      bench.scheduler(config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s}]"));
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
  SchedulerBench bench;
  const auto scheduler =
      bench.scheduler(config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s}]"));
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
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s, timeout: 10s}]"));
  // Begun, and kept from ending by a loop that is not run.
  scheduler->run_due();
  bench.clock.advance(1s);
  scheduler->run_due();
  CHECK(bench.counters.skipped_running.value() == 1);
  CHECK(bench.engine.in_flight() == 1);
  bench.io.run();
}

TEST_CASE("a schedule for which the host has no thread says so, and the one before goes on") {
  SchedulerBench bench;
  const ExporterConfig config = config_with("[{name: p, module: m, interval: 1s, targets: ['192.0.2.1:80']}]");
  ProbeScheduler::Context context{bench.engine, bench.clock, bench.random, bench.counters};
  const std::shared_ptr<ProbeScheduler> old = ProbeScheduler::create(context, config, nullptr).value();
  old->start();
  bench.clock.wait_for_sleepers(1);
  context.make_thread = [](const HeldThread::Work&) -> std::jthread {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  const auto refused = ProbeScheduler::create(context, config, old.get());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().str() == "no thread can be made for the schedule of probes: Resource temporarily unavailable");
  CHECK(bench.clock.sleepers() == 1);
  context.make_thread = nullptr;
  const std::shared_ptr<ProbeScheduler> next = ProbeScheduler::create(context, config, old.get()).value();
  CHECK(bench.clock.sleepers() == 0);
  next->start();
  bench.clock.wait_for_sleepers(1);
}

TEST_CASE("no more probes than the limit are in flight") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.1:1', '192.0.2.1:2', '192.0.2.1:3'], jitter: 0s}]"),
      nullptr, 2);
  bench.clock.advance(10s);
  scheduler->run_due();
  CHECK(bench.engine.in_flight() == 2);
  CHECK(bench.counters.skipped_at_limit.value() == 1);
  bench.io.run();
}

TEST_CASE("a reload keeps the counts of what stays and forgets what goes") {
  SchedulerBench bench;
  const auto first = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.1:80', '192.0.2.2:80'], interval: 1s, jitter: 0s}]"));
  bench.clock.advance(1s);
  bench.run(*first);
  const auto second = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.2:80', '192.0.2.3:80'], interval: 5s}]"), first.get());
  REQUIRE(second->series().size() == 2);
  CHECK(second->series()[0] == first->series()[1]);
  CHECK(second->series()[1]->numbers().runs() == 0);
}

TEST_CASE("what the prober found in the last run is shown where it is asked for, each family once") {
  SchedulerBench bench;
  const auto config = config_with(
      "[{name: p, module: m, targets: ['192.0.2.1:80', '192.0.2.2:80'], labels: {env: a, kind: b}, details: true}]");
  const auto scheduler = bench.scheduler(config);
  ProbeResult result;
  result.success = true;
  result.families = {{"probe_ip_protocol", "IP 4 or 6", {{{}, 4}}},
                     {"heal_probe_confirmed", "Shown anyway, from what is beside the families", {{{}, 1}}},
                     {"probe_found_info", "What was found", {{{{"kind", "x"}}, 1}, {{{"kind", "y"}}, 1}}}};
  const auto page = [&] {
    ExpositionWriter out;
    write_probe_series(scheduler->series(), out);
    return out.take();
  };
  scheduler->series()[0]->record(result, bench.clock.now(), {}, Details::kKept);
  scheduler->series()[1]->record(result, bench.clock.now(), {}, Details::kKept);
  const std::string shown = page();
  INFO(shown);
  const std::string labels = "module=\"m\",probe=\"p\",target=\"192.0.2.";
  CHECK(
      shown.ends_with("# HELP probe_found_info What was found\n# TYPE probe_found_info gauge\n"
                      "probe_found_info{env=\"a\",exported_kind=\"b\",kind=\"x\"," +
                      labels +
                      "1:80\"} 1\n"
                      "probe_found_info{env=\"a\",exported_kind=\"b\",kind=\"y\"," +
                      labels +
                      "1:80\"} 1\n"
                      "probe_found_info{env=\"a\",exported_kind=\"b\",kind=\"x\"," +
                      labels +
                      "2:80\"} 1\n"
                      "probe_found_info{env=\"a\",exported_kind=\"b\",kind=\"y\"," +
                      labels +
                      "2:80\"} 1\n"
                      "# HELP probe_ip_protocol IP 4 or 6\n# TYPE probe_ip_protocol gauge\n"
                      "probe_ip_protocol{env=\"a\",kind=\"b\"," +
                      labels +
                      "1:80\"} 4\n"
                      "probe_ip_protocol{env=\"a\",kind=\"b\"," +
                      labels + "2:80\"} 4\n"));
  CHECK(shown.find("heal_probe_confirmed{") == std::string::npos);
  result.families.pop_back();
  scheduler->series()[0]->record(result, bench.clock.now(), {}, Details::kKept);
  scheduler->series()[1]->record(result, bench.clock.now());
  const std::string later = page();
  CHECK(later.find("probe_found_info") == std::string::npos);
  CHECK(later.find("1:80\"} 4\n") != std::string::npos);
  CHECK(later.find("2:80\"} 4\n") == std::string::npos);
}

TEST_CASE("labels of details are cut, made printable, and take no label of the configuration away") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], labels: {version: mine}, details: true}]"));
  ProbeResult result;
  result.families = {
      {"probe_tls_version_info", "TLS", {{{{"version", "TLS 1.3"}, {"names", std::string(5000, 'x')}}, 1}}}};
  scheduler->series()[0]->record(result, bench.clock.now(), {}, Details::kKept);
  ExpositionWriter out;
  write_probe_series(scheduler->series(), out);
  const std::string page = out.take();
  const std::string line = page.substr(page.find("\nprobe_tls_version_info{") + 1);
  CHECK(line.size() < 1200);
  CHECK(line.find("exported_version=\"mine\"") != std::string::npos);
  CHECK(line.find(",version=\"TLS 1.3\"") != std::string::npos);
}

TEST_CASE("no name that a prober gives its labels takes a target's away, and no sample is there twice") {
  SchedulerBench bench;
  const auto scheduler =
      bench.scheduler(config_with("[{name: p, module: m, targets: ['192.0.2.1:80', '192.0.2.2:80'], details: true}]"));
  const std::string cut(1024, 'x');
  ProbeResult result;
  result.families = {
      {"probe_expect_info",
       "Matched",
       {{{{"target", "x"}, {"exported_target", "y"}}, 1}, {{{"k", cut + "a"}}, 1}, {{{"k", cut + "b"}}, 1}}}};
  for (const auto& series : scheduler->series())
    series->record(result, bench.clock.now(), {}, Details::kKept);
  ExpositionWriter out;
  write_probe_series(scheduler->series(), out);
  const std::string page = out.take();
  const auto count = [&](const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = page.find(text); at != std::string::npos; at = page.find(text, at + 1))
      ++found;
    return found;
  };
  INFO(page);
  const std::string labels = "probe_expect_info{exported_exported_target=\"192.0.2.";
  for (const char* target : {"1:80", "2:80"}) {
    CHECK(count(labels + target + "\",exported_target=\"y\",module=\"m\",probe=\"p\",target=\"x\"} 1\n") == 1);
  }
  CHECK(count("\nprobe_expect_info{k=\"x") == 2);
}

TEST_CASE("details that are not asked for any more go with the reload") {
  SchedulerBench bench;
  const auto config = [](bool details) {
    return config_with(fmt::format("[{{name: p, module: m, targets: ['192.0.2.1:80'], details: {}}}]", details));
  };
  const auto first = bench.scheduler(config(true));
  ProbeResult result;
  result.families = {{"probe_ip_protocol", "IP", {{{}, 4}}}};
  first->series()[0]->record(result, bench.clock.now(), {}, Details::kKept);
  const auto same = bench.scheduler(config(true), first.get());
  CHECK_FALSE(same->series()[0]->details().empty());
  const auto second = bench.scheduler(config(false), same.get());
  REQUIRE(second->series()[0] == first->series()[0]);
  CHECK(second->series()[0]->details().empty());
}

TEST_CASE("a run of a probe with `details` keeps what its prober found") {
  for (const bool is_kept : {true, false}) {
    SchedulerBench bench;
    const auto scheduler = bench.scheduler(config_with(
        fmt::format("[{{name: p, module: m, targets: ['192.0.2.1:80'], jitter: 0s, details: {}}}]", is_kept)));
    bench.run(*scheduler);
    REQUIRE(scheduler->series()[0]->numbers().runs() == 1);
    CHECK(scheduler->series()[0]->details().empty() != is_kept);
  }
}

TEST_CASE("targets of files are probed beside the listed ones, each once, with their labels") {
  SchedulerBench bench;
  const auto config = config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], labels: {env: test, a: b}}]");
  const auto scheduler = bench.scheduler(
      config, nullptr, 100,
      {{"p", {{"192.0.2.2:80", {{"env", "prod"}}}, {"192.0.2.1:80", {}}, {"192.0.2.2:80", {{"env", "prod"}}}}}});
  REQUIRE(scheduler->series().size() == 2);
  CHECK(scheduler->series()[1]->labels() ==
        Labels{{"a", "b"}, {"env", "prod"}, {"module", "m"}, {"probe", "p"}, {"target", "192.0.2.2:80"}});
}

TEST_CASE("targets that come and go leave the others' times as they are, and a new one is probed at once") {
  SchedulerBench bench;
  const auto config = config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1h, jitter: 0s}]");
  auto scheduler = bench.scheduler(config);
  bench.run(*scheduler);
  const SteadyTime first = bench.clock.steady_now();
  for (int i = 2; i < 5; ++i) {
    bench.clock.advance(10min);
    scheduler = bench.scheduler(config, scheduler.get(), 100, {{"p", {{fmt::format("192.0.2.{}:80", i), {}}}}});
    CHECK(scheduler->next() == bench.clock.steady_now());
    bench.run(*scheduler);
    CHECK(scheduler->series()[1]->numbers().runs() == 1);
  }
  CHECK(scheduler->series()[0]->numbers().runs() == 1);
  CHECK(scheduler->next() == first + 1h);
}

TEST_CASE("no more targets are scheduled than one exporter can hold, and the rest is counted") {
  SchedulerBench bench;
  FoundTargets found;
  for (std::size_t i = 0; i < kMostSeries; ++i)
    found["p"].push_back({std::to_string(i) + ":1", {}});
  const auto scheduler =
      bench.scheduler(config_with("[{name: p, module: m, targets: ['192.0.2.1:80']}]"), nullptr, 10, found);
  CHECK(scheduler->series().size() == kMostSeries);
  CHECK(scheduler->dropped() == 1);
}

TEST_CASE("a target is down after so many failures in a row and up again after so many successes") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(
      "[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s, down_after: 3, up_after: 2}]"));
  const auto run = [&](bool success) {
    if (success) bench.io.serve_lines(kServer, {}, SimProbeIo::AtEnd::kStays);
    const auto saved = scheduler->series()[0];
    ProbeResult result;
    result.success = success;
    result.reason = success ? "" : "refused";
    saved->record(result, bench.clock.now(), {3, 2});
    return saved->standing().state;
  };
  using enum ProbeState;
  std::vector<ProbeState> states;
  for (const bool success :
       {false, false, true, false, false, true, false, false, false, true, false, true, true, false})
    states.push_back(run(success));
  CHECK(states == std::vector<ProbeState>{kUnknown, kUnknown, kUp, kUp, kUp, kUp, kUp, kUp, kDown, kDown, kDown, kDown,
                                          kUp, kUp});
  CHECK(scheduler->series()[0]->numbers().went_down == 1);
  CHECK(scheduler->series()[0]->numbers().went_up == 1);
}

TEST_CASE("changes of state are told, and the log of the first of a row of like failures is kept") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(
      config_with("[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s, down_after: 2}]"));
  for (int i = 0; i < 4; ++i) {
    bench.run(*scheduler);
    bench.clock.advance(1s);
  }
  CHECK(bench.transitions == 1);
  CHECK(bench.failures.list().size() == 1);
  const auto numbers = scheduler->series()[0]->numbers();
  REQUIRE(numbers.failure_log);
  CHECK(bench.failures.find(*numbers.failure_log)->target == "192.0.2.1:80");
  CHECK(numbers.last_message.find("refused") != std::string::npos);
}

TEST_CASE("a password in a target is used and not shown") {
  SchedulerBench bench;
  const auto config = config_with("[{name: p, module: m, targets: ['http://me:secret@192.0.2.1/']}]");
  const auto scheduler = bench.scheduler(config);
  CHECK(scheduler->series()[0]->labels().at("target") == "http://***@192.0.2.1/");
  CHECK(config.yaml().find("secret") == std::string::npos);
  CHECK(config.probes[0].targets[0] == "http://me:secret@192.0.2.1/");
}

TEST_CASE("the exposition of a scheduled probe") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(
      "[{name: p, module: m, targets: ['192.0.2.1:80'], labels: {service: \"a\\\"b\"}, jitter: 0s, down_after: 1}]"));
  bench.run(*scheduler);
  ExpositionWriter out;
  write_probe_series(scheduler->series(), out);
  const std::string& text = out.text();
  const std::string labels = "module=\"m\",probe=\"p\",service=\"a\\\"b\",target=\"192.0.2.1:80\"";
  for (const std::string& line :
       {"heal_probe_success{" + labels + "} 0\n", "heal_probe_consecutive_failures{" + labels + "} 1\n",
        "heal_probe_last_run_timestamp_seconds{" + labels + "} 1.893553445e+09\n",
        "heal_probe_runs_total{" + labels + ",result=\"success\"} 0\n",
        "heal_probe_runs_total{" + labels + ",result=\"failure\"} 1\n", "heal_probe_up{" + labels + "} 0\n",
        "heal_probe_state_since_timestamp_seconds{" + labels + "} 1.893553445e+09\n",
        "heal_probe_transitions_total{" + labels + ",state=\"down\"} 0\n",
        "heal_probe_failures_total{" + labels + ",reason=\"refused\"} 1\n",
        "heal_probe_failure_info{" + labels + ",phase=\"connect\",reason=\"refused\"} 1\n",
        "heal_probe_duration_seconds_bucket{" + labels + ",le=\"0.001\"} 1\n",
        "heal_probe_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} 1\n",
        "heal_probe_duration_seconds_count{" + labels + "} 1\n"}) {
    CAPTURE(line);
    CHECK(text.find("\n" + line) != std::string::npos);
  }
}

constexpr const char* kEachSecond =
    "[{name: p, module: m, targets: ['192.0.2.1:80'], interval: 1s, jitter: 0s, timeout: 10s, down_after: 1}]";
constexpr const char* kConfirmed = "{prober: tcp, confirm: {attempts: 10, interval: 200ms}}";

std::string metrics_of(const ProbeScheduler& scheduler) {
  ExpositionWriter out;
  write_probe_series(scheduler.series(), out);
  return out.take();
}

TEST_CASE("a re-probe of a scheduled probe is no run of its own, and its success no success of the target") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(kEachSecond, kConfirmed));
  bench.run(*scheduler);
  CHECK(scheduler->series()[0]->numbers().runs() == 0);
  bench.io.serve_lines(kServer, {});
  bench.clock.advance(200ms);
  bench.io.run();
  const ProbeSeries::Numbers numbers = scheduler->series()[0]->numbers();
  CHECK(numbers.failures == 1);
  CHECK(numbers.successes == 0);
  CHECK(numbers.consecutive_failures == 1);
  CHECK(numbers.last_reason == "refused");
  CHECK(numbers.standing.state == ProbeState::kDown);
  CHECK(bench.transitions == 1);
  const std::string labels = "{module=\"m\",probe=\"p\",target=\"192.0.2.1:80\"}";
  const std::string text = metrics_of(*scheduler);
  CHECK(text.find("\nheal_probe_confirmed" + labels + " 0\n") != std::string::npos);
  CHECK(text.find("\nheal_probe_confirm_attempts" + labels + " 1\n") != std::string::npos);
  CHECK(text.find("\nheal_probe_runs_total{module=\"m\",probe=\"p\",target=\"192.0.2.1:80\",result=\"failure\"} 1\n") !=
        std::string::npos);
}

TEST_CASE("the re-probes of a scheduled probe end before its next run is due") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(kEachSecond, kConfirmed));
  bench.run(*scheduler);
  for (int i = 1; i <= 5; ++i) {
    bench.clock.advance(200ms);
    bench.io.run();
  }
  bench.run(*scheduler);
  CHECK(bench.counters.skipped_running.value() == 0);
  const ProbeSeries::Numbers numbers = scheduler->series()[0]->numbers();
  CHECK(numbers.runs() == 1);
  // At 200, 400, 600 and 800 ms.
  CHECK(numbers.last_confirmation == Confirmation{4, true});
}

TEST_CASE("the end of a schedule ends the re-probes, and the run counts") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(kEachSecond, kConfirmed));
  bench.run(*scheduler);
  scheduler->stop();
  bench.io.run();
  CHECK(bench.engine.in_flight() == 0);
  const ProbeSeries::Numbers numbers = scheduler->series()[0]->numbers();
  CHECK(numbers.failures == 1);
  CHECK(numbers.last_confirmation == Confirmation{0, std::nullopt});
  CHECK(metrics_of(*scheduler).find("\nheal_probe_confirmed{") == std::string::npos);
}

TEST_CASE("scheduled probes without confirm show nothing of it") {
  SchedulerBench bench;
  const auto scheduler = bench.scheduler(config_with(kEachSecond));
  bench.run(*scheduler);
  CHECK(scheduler->series()[0]->numbers().runs() == 1);
  CHECK(metrics_of(*scheduler).find("heal_probe_confirm") == std::string::npos);
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
