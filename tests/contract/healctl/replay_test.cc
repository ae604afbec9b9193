#include <fstream>

#include <catch2/catch.hpp>

#include "common/system/curl_http_client.h"
#include "common/system/http_prometheus_api.h"
#include "common/system/system_clock.h"
#include "common/wire/json.h"
#include "heal_test_paths.h"
#include "tests/contract/ports/daemon.h"

namespace heal::test {
namespace {

/// A Prometheus of which three alerts fire: of a container that is down, of nothing that could be healed, and the
/// Watchdog.
class Prometheus {
 public:
  Prometheus() {
    // Nobody listens there: the scrape fails, and that is the fault.
    std::ofstream(daemon_.folder() / "prometheus.yml") << "global: {scrape_interval: 1s, evaluation_interval: "
                                                          "1s}\nrule_files: [rules.yml]\nscrape_configs: [{job_name: "
                                                          "web, static_configs: [{targets: ['127.0.0.1:"
                                                       << free_port() << "'], labels: {container: web}}]}]\n";
    std::ofstream(daemon_.folder() / "rules.yml") << R"(groups:
  - name: web
    rules:
      - {alert: SiteDown, expr: 'sum(up{job="web"}) == 0'}
      - {alert: WebDown, expr: 'up{job="web"} == 0', labels: {severity: critical}}
      - {alert: Watchdog, expr: 'sum(up{job="web"}) == 0'}
)";
    daemon_.start({"/usr/bin/prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                   "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    const Deadline deadline = clock_.deadline_in(60s);
    while (!has_history()) {
      if (clock_.steady_now() > deadline) FAIL("no alert fires: " << daemon_.stop());
      clock_.sleep_for(50ms, {});
    }
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void stop() { (void)daemon_.stop(); }

 private:
  bool has_history() {
    // It is asked for whole seconds: what began in this one is not there yet.
    const auto firing = api_.query(R"(ALERTS{alertstate="firing"} offset 1s)", clock_.deadline_in(5s), {});
    return firing && firing->size() == 3;
  }

  const std::uint16_t port_ = free_port();
  SystemClock clock_;
  Daemon daemon_;
  CurlHttpClient client_;
  HttpPrometheusApi api_{client_, {url(), {}, {}}};
};

/// A heal.yml that restarts what is down; in which mode is up to the playbook.
std::string policy(const TempFolder& folder, const std::string& mode) {
  folder.write(mode + "/playbooks/restart.yml",
               "version: 1\nplaybook: restart\nmode: " + mode +
                   "\nsteps: [{name: go, docker.restart: {}}]\nverify: {all: [{check: health}]}\nescalate: [page]\n");
  return folder.write(mode + "/heal.yml", R"(version: 1
engines: {local: {unix: /run/docker.sock}}
alertmanagers: [{url: "http://alertmanager:9093"}]
routes: [{match: ['alertname="WebDown"'], playbook: restart, target: "container/local/{{ labels.container }}"}]
)");
}

ProcessOutcome healctl(const std::vector<std::string>& args) {
  ProcessSpec spec;
  spec.argv = {HEAL_BIN_DIR "/healctl"};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  const auto ran = PosixProcessRunner().run(spec, SystemClock().deadline_in(60s), {});
  REQUIRE(ran.has_value());
  return *ran;
}

/// The decisions of a replay, without their times.
Json decisions_of(const ProcessOutcome& ran) {
  CAPTURE(ran.output, ran.errors);
  auto document = parse_json(ran.output);
  REQUIRE(document.has_value());
  Json decisions = document->at("decisions");
  for (Json& one : decisions) {
    CHECK(one.at("at").is_string());
    one.erase("at");
  }
  return decisions;
}

TEST_CASE("the alerts that a real Prometheus remembers are replayed through a policy, and through two") {
  Prometheus prometheus;
  const TempFolder folder;
  const std::string acts = policy(folder, "auto"), only_says = policy(folder, "shadow");
  // A quarter of an hour is a whole number of the steps that it is asked in: the last one is now, and they fire now.
  const std::vector<std::string> asked{"--prometheus", prometheus.url(), "--since", "15m"};
  const auto replay = [&](std::vector<std::string> args) {
    args.insert(args.begin(), "replay");
    args.insert(args.end(), asked.begin(), asked.end());
    return healctl(args);
  };

  const auto alone = replay({acts, "-o", "json"});
  CHECK(alone.exit_code == 0);
  CHECK(alone.errors == "2 troubles, acted on 1\n");
  const Json nothing_then{{"incident", nullptr}, {"then", nullptr}, {"same", nullptr}, {"acted_then", nullptr}};
  Json site = nothing_then, web = nothing_then;
  site.update({{"alert", "SiteDown"}, {"target", ""}, {"now", "unmatched route"}, {"acted_now", false}});
  web.update({{"alert", "WebDown"}, {"target", "container/local/web"}, {"now", "restart: allow"}, {"acted_now", true}});
  CHECK(decisions_of(alone) == Json::array({site, web}));

  const auto both = replay({acts, "--against", only_says, "-o", "json"});
  CHECK(both.exit_code == 3);
  CHECK(both.errors == "1 of 2 decided otherwise; acted on 0 then, 1 now\n");
  web.update({{"then", "restart: shadow mode"}, {"same", false}, {"acted_then", false}});
  CHECK(decisions_of(both) == Json::array({web}));
  CHECK(replay({acts, "--against", acts}).exit_code == 0);

  const auto before =
      healctl({"replay", acts, "--prometheus", prometheus.url() + "/", "--since", "2h", "--until", "1h"});
  CHECK(before.errors == "there is nothing to replay\n");
  CHECK(before.exit_code == 0);

  prometheus.stop();
  const auto gone = replay({acts});
  CHECK(gone.exit_code == 7);
  CHECK(gone.output.empty());
  CHECK(gone.errors.starts_with("healctl: error: Prometheus at " + prometheus.url() + ": "));
  CHECK(gone.errors.find("refused") != std::string::npos);
}

}  // namespace
}  // namespace heal::test
