#include <fstream>
#include <memory>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/system/curl_http_client.h"
#include "common/system/http_alertmanager_api.h"
#include "common/system/system_clock.h"
#include "common/wire/alertmanager.h"
#include "tests/contract/ports/daemon.h"
#include "tests/support/tiny_server.h"

namespace heal {
namespace {

class AlertmanagerFixture {
 public:
  virtual ~AlertmanagerFixture() = default;
  virtual AlertmanagerApi& api() = 0;
  virtual Clock& clock() = 0;
  virtual void make_unavailable() = 0;

  Deadline soon() { return clock().deadline_in(20s); }
};

class SimAlertmanager : public AlertmanagerFixture {
 public:
  AlertmanagerApi& api() override { return api_; }
  Clock& clock() override { return clock_; }
  void make_unavailable() override { api_.set_status(make_error(ErrorCode::kUnreachable, "connection refused")); }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimAlertmanagerApi api_{clock_};
};

class RealAlertmanager : public AlertmanagerFixture {
 public:
  explicit RealAlertmanager(const std::string& receiver_url = "") {
    std::string config =
        "route: {receiver: heal.shop, group_wait: 0s, group_interval: 1s}\nreceivers:\n- name: heal.shop\n";
    if (!receiver_url.empty()) config += "  webhook_configs: [{url: '" + receiver_url + "', send_resolved: true}]\n";
    std::ofstream(daemon_.folder() / "alertmanager.yml") << config;
    daemon_.start({"/usr/bin/prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=data",
                   "--cluster.listen-address=", "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    const Deadline deadline = clock_.deadline_in(40s);
    while (!api_.ready(clock_.deadline_in(2s), {})) {
      if (clock_.steady_now() > deadline) FAIL("Alertmanager does not start: " << daemon_.stop());
      clock_.sleep_for(50ms, {});
    }
  }
  AlertmanagerApi& api() override { return api_; }
  Clock& clock() override { return clock_; }
  void make_unavailable() override { (void)daemon_.stop(); }

 private:
  const std::uint16_t port_ = test::free_port();
  SystemClock clock_;
  test::Daemon daemon_;
  CurlHttpClient client_;
  HttpAlertmanagerApi api_{client_, {"http://127.0.0.1:" + std::to_string(port_), {}, {}}};
};

std::unique_ptr<AlertmanagerFixture> alertmanager_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealAlertmanager>();
  return std::make_unique<SimAlertmanager>();
}

TEST_CASE("Alertmanager holds what is posted while it fires, and nothing else") {
  const auto fixture = alertmanager_fixture();
  AlertmanagerApi& api = fixture->api();
  const auto find = [&](const Labels& labels) { return api.find(labels, fixture->soon(), {}); };
  Alert alert;
  alert.labels = {{"alertname", "HealFailed"}, {"target", "container/local/w\"e\\b"}, {"text", "two\nlines"}};
  alert.annotations = {{"summary", "it failed"}};
  alert.starts_at = std::chrono::floor<std::chrono::milliseconds>(fixture->clock().now()) - 1min;
  alert.generator_url = "http://heal.example/incidents/1";

  CHECK(find(alert.labels).value() == std::nullopt);
  REQUIRE(api.post({alert}, fixture->soon(), {}).has_value());
  const auto held = find(alert.labels).value();
  REQUIRE(held.has_value());
  Alert expected = alert;
  expected.fingerprint = fingerprint_of(alert.labels);  // Alertmanager's own hash, computed by us
  CHECK(held->alert == expected);
  CHECK((held->state == "active" || held->state == "unprocessed"));
  CHECK(held->silenced_by.empty());
  CHECK(find({{"alertname", "HealFailed"}}).value() == std::nullopt);  // fewer labels are another alert

  const auto all = api.alerts(fixture->soon(), {});
  REQUIRE(all.has_value());
  REQUIRE(all->size() == 1);
  CHECK(all->front().alert == expected);
  const auto started = api.started_at(fixture->soon(), {});
  REQUIRE(started.has_value());
  CHECK(*started <= fixture->clock().now());
  CHECK(*started > fixture->clock().now() - 10min);

  alert.ends_at = fixture->clock().now() - 1ms;
  REQUIRE(api.post({alert}, fixture->soon(), {}).has_value());
  CHECK(find(alert.labels).value() == std::nullopt);

  CHECK(api.post({Alert{}}, fixture->soon(), {}).error().code() == ErrorCode::kInvalid);
  std::stop_source stop;
  stop.request_stop();
  CHECK(api.find(alert.labels, fixture->soon(), stop.get_token()).error().code() == ErrorCode::kCancelled);
  fixture->make_unavailable();
  CHECK(find(alert.labels).error().code() == ErrorCode::kUnreachable);
  CHECK(api.post({alert}, fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
  CHECK(api.alerts(fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
  CHECK(api.started_at(fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
  CHECK(api.ready(fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
}

TEST_CASE("a silence is made, changed and ended, and silences what it matches") {
  const auto fixture = alertmanager_fixture();
  AlertmanagerApi& api = fixture->api();
  Alert alert;
  alert.labels = {{"alertname", "CartDown"}, {"job", "cart"}};
  REQUIRE(api.post({alert}, fixture->soon(), {}).has_value());
  const auto silences = [&] { return api.silences(fixture->soon(), {}).value(); };
  CHECK(silences().empty());

  Silence silence;
  silence.matchers = Matcher::parse_list(R"(alertname="CartDown", job=~"c.*")").value();
  silence.starts_at = std::chrono::floor<std::chrono::milliseconds>(fixture->clock().now());
  silence.ends_at = silence.starts_at + 10min;
  silence.created_by = "promheal";
  silence.comment = "a \"comment\" [inc-1/s]";
  const auto id = api.silence(silence, fixture->soon(), {});
  REQUIRE(id.has_value());
  REQUIRE(silences().size() == 1);
  Silence held = silences()[0];
  CHECK(held.id == *id);
  CHECK(held.starts_at >= silence.starts_at);
  held.starts_at = silence.starts_at;
  held.id.clear();
  CHECK(held == silence);
  const auto silenced_by = [&] { return api.find(alert.labels, fixture->soon(), {}).value()->silenced_by; };
  const Deadline patience = fixture->clock().deadline_in(20s);
  while (silenced_by().empty() && fixture->clock().steady_now() < patience)
    fixture->clock().sleep_for(50ms, {});
  CHECK(silenced_by() == std::vector<std::string>{*id});
  CHECK(api.active({}, fixture->soon(), {})->empty());

  silence.id = *id;
  silence.ends_at += 10min;
  const auto changed = api.silence(silence, fixture->soon(), {});
  REQUIRE(changed.has_value());
  REQUIRE(silences().size() == 1);
  CHECK(silences()[0].ends_at == silence.ends_at);

  REQUIRE(api.expire_silence(*changed, fixture->soon(), {}).has_value());
  CHECK(silences().empty());
  CHECK(api.expire_silence(*changed, fixture->soon(), {}).has_value());
  CHECK(api.expire_silence("00000000-0000-0000-0000-0000000000ff", fixture->soon(), {}).error().code() ==
        ErrorCode::kNotFound);
  silence.id.clear();
  silence.matchers = Matcher::parse_list(R"(alertname="")").value();
  CHECK(api.silence(silence, fixture->soon(), {}).error().code() == ErrorCode::kInvalid);
  fixture->make_unavailable();
  CHECK(api.silences(fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
}

TEST_CASE("what a real Alertmanager sends to a webhook is read whole") {
  Mutex mutex;
  CondVar arrived;
  std::string body;
  test::TinyServer receiver([&](const test::TinyRequest& request, test::TinyConnection& connection) {
    connection.answer(200, "{}");
    MutexLock lock(mutex);
    body = request.body;
    arrived.notify_all();
  });
  RealAlertmanager fixture(receiver.url() + "/webhook");
  Alert alert;
  alert.labels = {{"alertname", "CartDown"}, {"job", "cart"}};
  alert.annotations = {{"playbook", "restart-cart"}};
  alert.starts_at = std::chrono::floor<std::chrono::milliseconds>(fixture.clock().now());
  REQUIRE(fixture.api().post({alert}, fixture.soon(), {}).has_value());
  std::string received;
  {
    MutexLock lock(mutex);
    while (body.empty())
      arrived.wait(mutex);
    received = body;
  }
  const auto parse = parse_alertmanager_v4(received);
  REQUIRE(parse.has_value());
  CHECK(parse->rejected.empty());
  CHECK(parse->group.receiver == "heal.shop");
  CHECK(parse->group.common_labels == alert.labels);
  alert.fingerprint = fingerprint_of(alert.labels);
  CHECK(parse->group.alerts == std::vector<Alert>{alert});
}

}  // namespace
}  // namespace heal
