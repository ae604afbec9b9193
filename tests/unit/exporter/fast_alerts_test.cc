#include "exporter/fast_alerts.h"

#include <atomic>
#include <system_error>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_alertmanager_api.h"
#include "exporter/config.h"

namespace heal::exporter {
namespace {

constexpr const char* kConfig = R"(modules: {m: {prober: tcp}}
probes: [{name: p, module: m, targets: [a:1, b:1], labels: {service: shop}}]
fast_alerts:
  alertmanagers: [{url: 'http://one:9093'}, {url: 'http://two:9093/'}]
  refresh_interval: 30s
  external_url: http://exporter:9115
  alerts:
    - alertname: ShopDown
      labels: {severity: critical, of: '{{ $labels.service }}', nothing: '{{ labels.absent }}'}
      annotations: {summary: '{{ target }} of {{ probe }}: {{ reason }} in {{ phase }} ({{ message }}), {{ failures }}x'}
)";

ExporterConfig config_of(const std::string& text) {
  config::Diagnostics diagnostics;
  auto config = parse_config("exporter.yml", text, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  return *std::move(config);
}

ProbeResult failed(const std::string& reason) {
  ProbeResult result;
  result.phase = "connect";
  result.reason = reason;
  result.message = "no luck";
  return result;
}

ProbeResult good() {
  ProbeResult result;
  result.success = true;
  return result;
}

class FastAlertsBench {
 public:
  explicit FastAlertsBench(const std::string& text = kConfig) : config(config_of(text)) {
    for (const ScheduledProbe& probe : config.probes) {
      for (const std::string& target : probe.targets)
        series.push_back(std::make_shared<ProbeSeries>(probe, target));
    }
    alerts = make(nullptr);
    alerts->set_series(series);
  }
  std::unique_ptr<FastAlerts> make(FastAlerts* previous) {
    return std::make_unique<FastAlerts>(*config.fast_alerts, FastAlerts::Apis{one, two}, clock, counters,
                                        Logger::none(), previous);
  }
  /// A second life of the program: it knows nothing of the first.
  void restart() {
    alerts.reset();
    series.clear();
    for (const std::string& target : config.probes[0].targets)
      series.push_back(std::make_shared<ProbeSeries>(config.probes[0], target));
    alerts = make(nullptr);
    alerts->set_series(series);
  }
  void record(std::size_t index, const ProbeResult& result, int times = 1) {
    for (int i = 0; i < times; ++i)
      series[index]->record(result, clock.now(), {3, 2});
  }
  SteadyTime serve() {
    const SteadyTime first = alerts->serve(0, {});
    return std::min(first, alerts->serve(1, {}));
  }
  std::string metric(const std::string& line) {
    const std::string page = metrics.expose();
    const std::size_t at = page.find("\n" + line + " ");
    if (at == std::string::npos) return "absent";
    return page.substr(at + line.size() + 2, page.find('\n', at + 1) - at - line.size() - 2);
  }
  std::vector<Alert> held(SimAlertmanagerApi& api) {
    std::vector<Alert> out;
    const auto all = api.alerts(clock.deadline_in(1s), {});
    for (const ActiveAlert& active : *all)
      out.push_back(active.alert);
    return out;
  }

  FakeClock clock{FakeClock::Sleeping::kAdvances};
  std::shared_ptr<SimAlertmanagerApi> one = std::make_shared<SimAlertmanagerApi>(clock);
  std::shared_ptr<SimAlertmanagerApi> two = std::make_shared<SimAlertmanagerApi>(clock);
  Metrics metrics{"heal_exporter"};
  FastAlertMetrics counters{metrics};
  ExporterConfig config;
  FastAlerts::Series series;
  std::unique_ptr<FastAlerts> alerts;
};

Alert alert_of_a(WallTime starts_at, std::optional<WallTime> ends_at) {
  Alert alert;
  alert.labels = {{"alertname", "ShopDown"}, {"module", "m"},          {"of", "shop"},   {"probe", "p"},
                  {"service", "shop"},       {"severity", "critical"}, {"target", "a:1"}};
  alert.annotations = {{"summary", "a:1 of p: refused in connect (no luck), 3x"}};
  alert.starts_at = starts_at;
  alert.ends_at = ends_at;
  alert.generator_url = "http://exporter:9115/?q=a%3A1";
  return alert;
}

TEST_CASE("a target that is down is told to every Alertmanager, with what a rule would add, for several refreshes") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 2);
  bench.serve();
  CHECK(bench.one->posted().empty());
  bench.clock.advance(123456ns);  // no more than milliseconds of it are told
  bench.record(0, failed("refused"));
  const WallTime down_at = bench.clock.now() - 123456ns;
  bench.serve();
  const std::vector<Alert> expected{alert_of_a(down_at, bench.clock.now() + 300s)};
  CHECK(bench.one->posted() == expected);
  CHECK(bench.two->posted() == expected);
  CHECK(bench.alerts->active() == 1);
  CHECK(bench.metric(R"(heal_fast_alerts_sent_total{alertmanager="http://two:9093"})") == "1");
}

TEST_CASE("what lasts is told again every refresh interval and not more often, with the reason of now") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  const SteadyTime again = bench.serve();
  CHECK(again == bench.clock.steady_now() + 30s);
  bench.clock.advance(29s);
  bench.serve();
  CHECK(bench.one->posted().size() == 1);
  bench.record(0, failed("timeout"));
  bench.clock.advance(1s);
  bench.serve();
  REQUIRE(bench.one->posted().size() == 2);
  const Alert refreshed = bench.one->posted()[1];
  CHECK(refreshed.starts_at == down_at);
  CHECK(refreshed.ends_at == bench.clock.now() + 300s);
  CHECK(refreshed.annotations.at("summary") == "a:1 of p: timeout in connect (no luck), 4x");
}

TEST_CASE("an alert ends when its target was seen up often enough, and its end is told for a quarter of an hour") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  bench.serve();
  bench.record(0, good());
  bench.serve();
  CHECK(bench.held(*bench.one).size() == 1);
  bench.clock.advance(5s);
  bench.record(0, good());
  const WallTime up_at = bench.clock.now();
  bench.serve();
  CHECK(bench.one->posted().back().ends_at == up_at);
  CHECK(bench.held(*bench.one).empty());
  CHECK(bench.alerts->active() == 0);
  for (int i = 0; i < 60; ++i) {
    bench.clock.advance(30s);
    bench.serve();
  }
  // The first is the alert, one its end, and thirty times it again.
  CHECK(bench.one->posted().size() == 2 + 30);
  CHECK(bench.one->posted().back().ends_at == up_at);
}

TEST_CASE(
    "an Alertmanager that restarts hears of all again with their times; one that is away keeps no other waiting") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  bench.serve();
  bench.one->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  bench.clock.advance(30s);
  CHECK(bench.serve() == bench.clock.steady_now() + 5s);
  CHECK(bench.two->posted().size() == 2);
  CHECK(bench.metric(R"(heal_fast_alerts_failed_total{alertmanager="http://one:9093"})") == "1");
  CHECK(bench.metric(R"(heal_fast_alerts_alertmanager_up{alertmanager="http://one:9093"})") == "0");
  bench.one->restart();
  bench.one->set_status({});
  bench.clock.advance(5s);
  bench.serve();
  REQUIRE(bench.held(*bench.one).size() == 1);
  CHECK(bench.held(*bench.one)[0].starts_at == down_at);
  CHECK(bench.two->posted().size() == 2);
  CHECK(bench.metric(R"(heal_fast_alerts_alertmanager_up{alertmanager="http://one:9093"})") == "1");
}

TEST_CASE("what ends while an Alertmanager is away is told when it is there again") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  bench.serve();
  bench.one->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  bench.record(0, good(), 2);
  bench.serve();
  CHECK(bench.held(*bench.two).empty());
  bench.one->set_status({});
  CHECK(bench.held(*bench.one).size() == 1);
  bench.clock.advance(5s);
  bench.serve();
  CHECK(bench.held(*bench.one).empty());
}

TEST_CASE("after its own restart it keeps the alert's time and resolves nothing that it has not seen up") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  bench.serve();
  bench.clock.advance(60s);
  bench.restart();
  bench.serve();
  CHECK(bench.alerts->active() == 1);
  CHECK(bench.series[0]->standing().state == ProbeState::kDown);
  CHECK(bench.one->posted().back().starts_at == down_at);
  CHECK(bench.one->posted().back().annotations == alert_of_a({}, {}).annotations);
  bench.record(0, good());
  bench.serve();
  CHECK(bench.held(*bench.one).size() == 1);
  bench.record(0, good());
  bench.serve();
  CHECK(bench.held(*bench.one).empty());
}

TEST_CASE("whether an Alertmanager is up is told once it has answered, also when there is nothing to tell it") {
  FastAlertsBench bench;
  const std::string line = R"(heal_fast_alerts_alertmanager_up{alertmanager="http://one:9093"})";
  CHECK(bench.metric(line) == "absent");
  bench.one->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  bench.serve();
  CHECK(bench.metric(line) == "0");
  bench.one->set_status({});
  bench.serve();
  CHECK(bench.metric(line) == "1");
}

TEST_CASE("an Alertmanager that is away at the start is asked later, and what was seen up meanwhile ends") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  bench.record(1, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  bench.serve();
  bench.clock.advance(60s);
  bench.restart();
  for (const auto& api : {bench.one, bench.two})
    api->set_status(make_error(ErrorCode::kUnreachable, "connection refused"));
  bench.record(0, good());
  bench.record(1, failed("refused"), 3);
  bench.serve();
  for (const auto& api : {bench.one, bench.two})
    api->set_status({});
  bench.clock.advance(5s);
  bench.serve();
  bench.serve();
  for (const auto& api : {bench.one, bench.two}) {
    REQUIRE(bench.held(*api).size() == 1);
    CHECK(bench.held(*api)[0].labels.at("target") == "b:1");
    CHECK(bench.held(*api)[0].starts_at == down_at);
  }
}

TEST_CASE("the alert of a target that is removed ends, others go on") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  bench.record(1, failed("refused"), 3);
  bench.serve();
  bench.alerts->set_series({bench.series[1]});
  bench.serve();
  REQUIRE(bench.held(*bench.two).size() == 1);
  CHECK(bench.held(*bench.two)[0].labels.at("target") == "b:1");
}

TEST_CASE("an alert whose target is begun anew lasts until that is seen up") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  bench.serve();
  bench.series[0] = std::make_shared<ProbeSeries>(bench.config.probes[0], "a:1");
  bench.alerts->set_series(bench.series);
  bench.clock.advance(30s);
  bench.serve();
  REQUIRE(bench.held(*bench.one).size() == 1);
  CHECK(bench.held(*bench.one)[0].starts_at == down_at);
  bench.record(0, good(), 2);
  bench.serve();
  CHECK(bench.held(*bench.one).empty());
}

TEST_CASE("a new configuration goes on with the alerts of the old one, and ends those that are others now") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  const WallTime down_at = bench.clock.now();
  bench.serve();
  bench.clock.advance(10s);
  SECTION("the same labels") {
    bench.config.fast_alerts->refresh_interval = 10s;
    const auto next = bench.make(bench.alerts.get());
    next->set_series(bench.series);
    next->serve(0, {});
    REQUIRE(bench.held(*bench.one).size() == 1);
    CHECK(bench.one->posted().back().starts_at == down_at);
    CHECK(bench.one->posted().back().ends_at == bench.clock.now() + 100s);
  }
  SECTION("another name") {
    bench.config.fast_alerts->alerts[0].alertname = "Other";
    const auto next = bench.make(bench.alerts.get());
    next->set_series(bench.series);
    next->serve(0, {});
    REQUIRE(bench.held(*bench.one).size() == 1);
    CHECK(bench.held(*bench.one)[0].labels.at("alertname") == "Other");
  }
}

TEST_CASE("an end is never in the future, also after the clock was set back") {
  FastAlertsBench bench;
  bench.record(0, failed("refused"), 3);
  bench.serve();
  bench.clock.advance(600s);
  bench.record(0, good(), 2);
  bench.serve();
  bench.clock.set_now(bench.clock.now() - 300s);
  bench.clock.advance(30s);
  bench.serve();
  CHECK(bench.one->posted().back().ends_at == bench.clock.now());
}

TEST_CASE("targets whose alerts have the same labels are one alert, which lasts while any of them is down") {
  std::string text = kConfig;
  text.replace(text.find("severity: critical"), 18, "target: all");
  FastAlertsBench bench(text);
  bench.record(0, failed("refused"), 3);
  bench.record(1, failed("refused"), 3);
  bench.serve();
  CHECK(bench.held(*bench.one).size() == 1);
  bench.record(0, good(), 2);
  bench.serve();
  CHECK(bench.held(*bench.one).size() == 1);
  bench.record(1, good(), 2);
  bench.serve();
  CHECK(bench.held(*bench.one).empty());
}

TEST_CASE("when the host has no thread for one of several Alertmanagers, none is begun and those that were made end") {
  std::atomic<int> made = 0, ended = 0;
  const HeldThread::Maker two = [&](const HeldThread::Work& work) {
    if (made == 2) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    ++made;
    return std::jthread([&ended, work](const std::stop_token& stop) {
      work(stop);
      ++ended;
    });
  };
  const auto refused = HeldThread::make_several("fast_alerts", 3, two);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == ErrorCode::kUnavailable);
  CHECK(refused.error().str() == "no thread can be made for fast_alerts: Resource temporarily unavailable");
  CHECK(made == 2);
  CHECK(ended == 2);
}

TEST_CASE("a change of state is told at once by the threads, and stopping resolves nothing") {
  FastAlertsBench bench;
  FakeClock blocking;
  auto api = std::make_shared<SimAlertmanagerApi>(blocking);
  FastAlertsConfig config = *bench.config.fast_alerts;
  config.alertmanagers.pop_back();
  FastAlerts alerts(config, {api}, blocking, bench.counters, Logger::none());
  alerts.set_series(bench.series);
  alerts.start(HeldThread::make_several("alerts", 1).value());
  blocking.wait_for_sleepers(1);
  bench.record(0, failed("refused"), 3);
  alerts.wake();
  while (api->posted().empty())
    std::this_thread::yield();
  alerts.stop();
  CHECK(api->posted().size() == 1);
  CHECK_FALSE(api->posted()[0].ends_at < blocking.now());
}

}  // namespace
}  // namespace heal::exporter
