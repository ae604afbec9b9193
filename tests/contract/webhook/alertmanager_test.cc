#include <chrono>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include "common/system/curl_http_client.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/system_clock.h"
#include "tests/contract/ports/daemon.h"
#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

/// A real Alertmanager that tells `webhook_port` of all that it is told.
class Alertmanager {
 public:
  explicit Alertmanager(std::uint16_t webhook_port) {
    std::ofstream(daemon_.folder() / "alertmanager.yml")
        << "route: {receiver: heal.webhook, group_by: ['...'], group_wait: 0s, group_interval: 1s}\n"
           "receivers:\n- name: heal.webhook\n  webhook_configs: [{url: 'http://127.0.0.1:"
        << webhook_port << "/webhook', send_resolved: true}]\n";
    daemon_.start({"/usr/bin/prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=data",
                   "--cluster.listen-address=", "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    const Deadline deadline = clock_.deadline_in(40s);
    while (!api_.ready(clock_.deadline_in(2s), {})) {
      if (clock_.steady_now() > deadline) FAIL("Alertmanager does not start: " << daemon_.stop());
      clock_.sleep_for(50ms, {});
    }
  }
  void post(const Alert& alert) { REQUIRE(api_.post({alert}, clock_.deadline_in(20s), {}).has_value()); }

 private:
  const std::uint16_t port_ = heal::test::free_port();
  SystemClock clock_;
  heal::test::Daemon daemon_;
  CurlHttpClient client_;
  HttpAlertmanagerApi api_{client_, {"http://127.0.0.1:" + std::to_string(port_), {}, {}}};
};

/// An alert of nginx as of now: in the real Alertmanager's time, and held by the one that the guards ask.
Alert nginx_down(Service& service) {
  Alert alert;
  alert.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}, {"text", "$(touch x) `{{ }}`\nand \"so\" on"}};
  alert.annotations = {{"summary", "it is down"}};
  alert.starts_at = std::chrono::floor<std::chrono::milliseconds>(SystemClock().now());
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  service.alertmanager->hold(active);
  return alert;
}

TEST_CASE("a real Alertmanager's notifications open, heal and resolve one incident, and are tried again after a 503") {
  Service service;
  service.clock->set_now(SystemClock().now() - 1h);
  SimContainer nginx;  // as old as the real clock wants it
  nginx.name = "nginx";
  nginx.labels = {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}};
  REQUIRE(service.engine->stop("nginx", 0s, service.clock->deadline_in(1s), {}).has_value());
  REQUIRE(service.engine->remove("nginx", service.clock->deadline_in(1s), {}).has_value());
  service.engine->add(nginx);
  service.clock->set_now(SystemClock().now());
  REQUIRE(service.start().has_value());
  service.store->fail_commit(service.store->commits() + 1, make_error(ErrorCode::kStorage, "disk full"));

  Alertmanager alertmanager(service.app->port());
  service.engine->crash("nginx", 1);
  Alert alert = nginx_down(service);
  alertmanager.post(alert);
  service.await([&] { return !service.memory->incidents({}).value().empty(); });
  const std::string id = service.run_to(IncidentState::kClosed);
  CHECK(service.metric(R"(heal_events_received_total{result="store_error",source="alertmanager"})") == "1");
  CHECK(service.metric(R"(heal_events_received_total{result="accepted",source="alertmanager"})") == "1");
  CHECK(service.restarts() == 1);
  const Json shown = service.get_json("/api/v1/incidents/" + id);
  REQUIRE(shown["episodes"].size() == 1);
  CHECK(shown["episodes"][0]["labels"] == Json(alert.labels));
  CHECK(shown["episodes"][0]["annotations"] == Json(alert.annotations));
  CHECK(shown["episodes"][0]["starts_at"] == format_rfc3339_nano(alert.starts_at));
  CHECK(shown["timeline"][0]["data"]["receiver"] == "heal.webhook");

  alert.ends_at = std::chrono::floor<std::chrono::milliseconds>(SystemClock().now());
  alertmanager.post(alert);
  service.await([&] { return service.memory->incident(id).value()->times.resolved_at.has_value(); });
  CHECK(service.memory->incident(id).value()->times.resolved_at == alert.ends_at);
  CHECK(service.memory->incidents({}).value().size() == 1);
  CHECK(service.restarts() == 1);
}

}  // namespace
}  // namespace heal::webhook::test
