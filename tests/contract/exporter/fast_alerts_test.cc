// heal-exporter tells real Alertmanagers of what it sees by itself, and they tell their receivers.
#include <atomic>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/system/http_alertmanager_api.h"
#include "common/wire/alertmanager.h"
#include "heal_test_paths.h"
#include "tests/contract/exporter/programs.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_server.h"

namespace heal::test {
namespace {

/// Takes an Alertmanager's notifications and remembers each alert of them as `status startsAt`.
class Receiver {
 public:
  Receiver() : server_([this](const TinyRequest& request, TinyConnection& connection) { take(request, connection); }) {}
  std::string url() const { return server_.url(); }
  std::vector<std::string> heard() {
    MutexLock lock(mutex_);
    return heard_;
  }

 private:
  void take(const TinyRequest& request, TinyConnection& connection) {
    connection.answer(200, "{}");
    const auto parse = parse_alertmanager_v4(request.body);
    MutexLock lock(mutex_);
    if (!parse.has_value()) heard_.push_back("not understood: " + parse.error().str());
    if (!parse.has_value()) return;
    for (const Alert& alert : parse->group.alerts) {
      const std::string status = alert.status == AlertStatus::kFiring ? "firing " : "resolved ";
      heard_.push_back(status + format_rfc3339_nano(alert.starts_at));
    }
  }

  Mutex mutex_;
  std::vector<std::string> heard_ HEAL_GUARDED_BY(mutex_);
  TinyServer server_;
};

/// A real Alertmanager that can be stopped and started again.
class Alertmanager {
 public:
  Alertmanager() { start(); }
  void start() {
    std::ofstream(folder_.file("alertmanager.yml"))
        << "route: {receiver: r, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
           "receivers: [{name: r, webhook_configs: [{url: '"
        << receiver_.url() << "/', send_resolved: true}]}]\n";
    program_.emplace(std::vector<std::string>{
        "/usr/bin/prometheus-alertmanager", "--config.file=" + folder_.file("alertmanager.yml"),
        "--storage.path=" + folder_.file("data"), "--cluster.listen-address=", "--log.level=error",
        "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    client_.wait_until([this] { return api_.ready(clock_.deadline_in(2s), {}).has_value(); });
  }
  void stop() { program_.reset(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Alert> alerts() {
    std::vector<Alert> out;
    const auto held = api_.alerts(clock_.deadline_in(20s), {});
    REQUIRE(held.has_value());
    for (const ActiveAlert& active : *held)
      out.push_back(active.alert);
    return out;
  }
  std::vector<std::string> heard() { return receiver_.heard(); }

 private:
  TempFolder folder_;
  Receiver receiver_;
  const std::uint16_t port_ = free_port();
  SystemClock clock_;
  Client client_;
  CurlHttpClient http_;
  HttpAlertmanagerApi api_{http_, {"http://127.0.0.1:" + std::to_string(port_), {}, {}}};
  std::optional<Program> program_;
};

/// A target that is well or not, Alertmanagers, and heal-exporter between them.
class Scene {
 public:
  Scene() {
    std::string servers;
    for (Alertmanager& one : alertmanagers)
      servers += "{url: '" + one.url() + "'}, ";
    std::ofstream(folder_.file("exporter.yml"))
        << "modules: {m: {prober: http, http: {preferred_ip_protocol: ip4}}}\n"
           "probes: [{name: shop, module: m, interval: 100ms, down_after: 2, up_after: 2, targets: ['"
        << target_.url() << "/'], labels: {service: cart}}]\nfast_alerts:\n  alertmanagers: [" << servers
        << "]\n  refresh_interval: 1s\n  alerts: [{alertname: ShopDown, labels: {severity: critical}, annotations: "
           "{summary: '{{ reason }} in {{ phase }}: {{ message }}'}}]\n";
    start();
  }
  void start() {
    exporter_.emplace(std::vector<std::string>{HEAL_BIN_DIR "/heal-exporter",
                                               "--config.file=" + folder_.file("exporter.yml"), "--log.level=error",
                                               "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    client.wait_for(port_);
  }
  void stop() { exporter_.reset(); }
  /// The one alert that both hold.
  Alert alert() {
    client.wait_until(
        [this] { return alertmanagers[0].alerts().size() == 1 && alertmanagers[1].alerts().size() == 1; });
    const Alert held = alertmanagers[0].alerts().at(0);
    CHECK(alertmanagers[1].alerts() == std::vector<Alert>{held});
    return held;
  }
  void wait_for_end() {
    client.wait_until([this] { return alertmanagers[0].alerts().empty() && alertmanagers[1].alerts().empty(); });
  }
  void wait_to_hear(const std::vector<std::string>& what) {
    for (Alertmanager& one : alertmanagers)
      client.wait_until([&] { return one.heard().size() >= what.size(); });
    for (Alertmanager& one : alertmanagers)
      CHECK(one.heard() == what);
  }
  std::string target_url() const { return target_.url() + "/"; }
  /// So many more runs of the probe have ended.
  void wait_for_runs(int count) {
    const auto runs = [this] { return count_of("heal_probe_duration_seconds_count"); };
    const double until = runs() + count;
    client.wait_until([&] { return runs() >= until; });
  }
  double count_of(const std::string& family) {
    std::istringstream page(client.get(port_, "/metrics").body);
    double sum = 0;
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with(family + "{")) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }

  std::atomic<bool> is_well = true;
  Alertmanager alertmanagers[2];
  Client client;

 private:
  TempFolder folder_;
  const std::uint16_t port_ = free_port();
  TinyServer target_{
      [this](const TinyRequest&, TinyConnection& connection) { connection.answer(is_well ? 200 : 503, "."); }};
  std::optional<Program> exporter_;
};

TEST_CASE("two real Alertmanagers hear of a target that is down, once, and once that it is up") {
  Scene scene;
  scene.wait_for_runs(3);
  scene.is_well = false;
  const Alert alert = scene.alert();
  CHECK(alert.labels == Labels{{"alertname", "ShopDown"},
                               {"module", "m"},
                               {"probe", "shop"},
                               {"service", "cart"},
                               {"severity", "critical"},
                               {"target", scene.target_url()}});
  CHECK(alert.annotations == Labels{{"summary", "unexpected_status in status: status code 503 is not 2xx"}});
  const std::string started = format_rfc3339_nano(alert.starts_at);
  scene.wait_to_hear({"firing " + started});
  scene.is_well = true;
  scene.wait_for_end();
  scene.wait_to_hear({"firing " + started, "resolved " + started});
}

TEST_CASE("an Alertmanager that restarts holds the alert again with its time, and its receiver hears nothing new") {
  Scene scene;
  scene.is_well = false;
  const Alert alert = scene.alert();
  const std::string started = format_rfc3339_nano(alert.starts_at);
  scene.wait_to_hear({"firing " + started});
  scene.alertmanagers[0].stop();
  scene.client.wait_until([&] { return scene.count_of("heal_fast_alerts_failed_total") > 0; });
  scene.alertmanagers[0].start();
  CHECK(scene.alert().starts_at == alert.starts_at);
  scene.is_well = true;
  scene.wait_for_end();
  scene.wait_to_hear({"firing " + started, "resolved " + started});
}

TEST_CASE("a restart of the exporter ends no alert and changes no time, whatever happened meanwhile") {
  Scene scene;
  scene.is_well = false;
  const Alert alert = scene.alert();
  const std::string started = format_rfc3339_nano(alert.starts_at);
  scene.wait_to_hear({"firing " + started});
  scene.stop();
  SECTION("the target stays down") {
    scene.start();
    scene.wait_for_runs(5);
    CHECK(scene.alert().starts_at == alert.starts_at);
    scene.wait_to_hear({"firing " + started});
    scene.is_well = true;
  }
  SECTION("the target comes up while nobody looks") {
    scene.is_well = true;
    scene.start();
  }
  scene.wait_for_end();
  scene.wait_to_hear({"firing " + started, "resolved " + started});
}

}  // namespace
}  // namespace heal::test
