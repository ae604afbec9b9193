#include <algorithm>
#include <atomic>
#include <new>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

TEST_CASE("a dead container is restarted once, verified, watched and closed, with its real times") {
  Rig rig;
  const WallTime failed = rig.clock.now();
  rig.engine->crash("nginx", 137);
  rig.clock.advance(3s);
  const WallTime detected = rig.clock.now();
  const auto reply = rig.post(Rig::group_of({rig.fire()}));
  REQUIRE(reply.has_value());
  CHECK(reply->accepted == 1);

  const Incident recovered = rig.run_to(IncidentState::kRecovered);
  CHECK(reply->incidents == std::vector<std::string>{recovered.id});
  CHECK(recovered.type == "CONTAINER_CRASH");
  CHECK(recovered.target->str() == "container/local/nginx");
  CHECK(recovered.times.failed_at == failed);
  CHECK(recovered.times.detected_at == detected);
  CHECK(recovered.times.decided_at.has_value());
  CHECK(recovered.times.acted_at.has_value());
  CHECK(recovered.times.verified_at > recovered.times.acted_at);
  CHECK(recovered.times.time_to_detect() == 3s);
  const std::string page = rig.metrics.expose();
  CHECK(page.find("\nheal_time_to_detect_seconds_sum 3\n") != std::string::npos);
  CHECK(page.find(fmt::format("\nheal_time_to_recover_seconds_sum {}\n",
                              to_seconds(*recovered.times.time_to_recover()))) != std::string::npos);

  const Incident closed = rig.run_to(IncidentState::kClosed);
  CHECK(closed.reason == "stayed_healthy");
  CHECK(rig.changes().size() == 1);
  CHECK(rig.changes().front().verb == "restart");
  CHECK(rig.kinds(closed.id) == std::vector<std::string>{"received", "matched", "planned", "state", "decision", "state",
                                                         "step_intent", "step_outcome", "step_intent", "step_outcome",
                                                         "state", "verify", "state", "state"});
  CHECK(rig.memory->open_steps()->empty());
}

TEST_CASE("the same notification fifty times, and from a second Alertmanager, acts once") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  for (int i = 0; i < 49; ++i) {
    const auto reply = rig.post(Rig::group_of({alert}));
    REQUIRE(reply.has_value());
    CHECK(reply->accepted == 0);
    CHECK(reply->duplicates == 1);
  }
  AlertGroup twin = Rig::group_of({alert});
  twin.external_url = "http://alertmanager-2:9093";
  twin.group_key = "another route";
  twin.alerts.front().generator_url = "http://prometheus-2/graph";
  CHECK(rig.post(twin)->duplicates == 1);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.post(Rig::group_of({alert}))->duplicates == 1);
  CHECK(rig.changes().size() == 1);
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("an alert that no route matches is kept, with what every route said") {
  Rig rig;
  Alert alert = rig.fire();
  alert.labels["alertname"] = "Other";
  alert.fingerprint = fingerprint_of(alert.labels);
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident incident = rig.newest();
  CHECK(incident.state == IncidentState::kUnmatched);
  CHECK(incident.reason == "no_route");
  CHECK(rig.kinds(incident.id) == std::vector<std::string>{"received", "unmatched"});
  CHECK(rig.timeline(incident.id)[1].data.find("alertname") != std::string::npos);
}

TEST_CASE("a container without heal.enable=true is refused with the reason and never touched") {
  Rig rig;
  SimContainer other;
  other.name = "protected";
  rig.engine->add(other);
  rig.engine->crash("protected", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire("protected")}))->accepted == 1);
  const Incident incident = rig.run_to(IncidentState::kUnmatched);
  CHECK(incident.reason == "not_in_inventory");
  CHECK(incident.message.find("heal.enable=true") != std::string::npos);
  CHECK(rig.changes().empty());
}

TEST_CASE("a target that is named by a container's id instead of its name is refused") {
  Rig rig;
  const std::string id = rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->id;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire(id)}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kUnmatched).reason == "not_in_inventory");
  CHECK(rig.changes().empty());
}

TEST_CASE("a paused container is thawed and restarted") {
  Rig rig;
  REQUIRE(rig.engine->pause("nginx", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->forget_calls();
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident incident = rig.run_to(IncidentState::kRecovered);
  CHECK(incident.type == "HEALTH_CHECK_FAILURE");
  CHECK(incident.times.failed_at == std::nullopt);
  REQUIRE(rig.changes().size() == 2);
  CHECK(rig.changes()[0].verb == "unpause");
  CHECK(rig.changes()[1].verb == "restart");
}

TEST_CASE("shadow mode plans, decides and records, and touches nothing") {
  std::string playbook = kRestartPlaybook;
  playbook.replace(playbook.find("mode: auto"), 10, "mode: shadow");
  Rig rig(playbook);
  rig.engine->crash("nginx", 1);
  rig.post(Rig::group_of({rig.fire()})).value();
  const Incident incident = rig.run_to(IncidentState::kClosed);
  CHECK(incident.reason == "shadow");
  CHECK(!incident.plan_hash.empty());
  CHECK(rig.changes().empty());
}

TEST_CASE("verification that never passes ends in failed, and one that cannot be answered says so") {
  Rig rig;
  rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500); });
  rig.engine->crash("nginx", 1);
  rig.post(Rig::group_of({rig.fire()})).value();
  const Incident failed = rig.run_to(IncidentState::kFailed);
  CHECK(failed.reason == "not_verified");
  CHECK(failed.times.verified_at == std::nullopt);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a heal that does not hold is no heal: bad again within stay_healthy is failed") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.post(Rig::group_of({rig.fire()})).value();
  rig.run_to(IncidentState::kRecovered);
  rig.engine->crash("nginx", 1);
  const Incident incident = rig.run_to(IncidentState::kFailed);
  CHECK(incident.reason == "relapsed");
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a request that was answered is not sent again because its answer is long") {
  std::string playbook = kRestartPlaybook;
  playbook.insert(
      playbook.find("  - name: restart"),
      "  - name: tell\n    http.request: {url: \"http://hook/x\", method: POST}\n    retry: {attempts: 3}\n");
  std::string heal = kHealYml;
  heal.replace(heal.find("allow:\n"), 7, "allow:\n  hosts: [hook]\n");
  Rig rig(playbook, heal);
  rig.http.on("POST", "http://hook/x", HttpAnswer::of(200, std::string(2 << 20, 'a')));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kRecovered);
  const auto requests = rig.http.requests();
  CHECK(std::ranges::count(requests, "http://hook/x", &HttpClientRequest::url) == 1);
}

TEST_CASE("that every alert has resolved is not known where there is no alert") {
  std::string playbook = kRestartPlaybook;
  const std::string checks = "[{check: health}, {container: running}]";
  playbook.replace(playbook.find(checks), checks.size(), "[{alert: resolved}]");
  Rig rig(playbook);
  rig.engine->crash("nginx", 1);
  const auto target = TargetId::parse("container/local/nginx").value();
  REQUIRE(rig.heal({"restart-container", target, {}, "anna"})->kind == HealAnswer::Kind::kStarted);
  CHECK(rig.run_to(IncidentState::kFailed).reason == "verify_unknown");
}

TEST_CASE("an Alertmanager that has just started holds nothing, which is no proof that an alert has resolved") {
  std::string playbook = kRestartPlaybook;
  const std::string checks = "[{check: health}, {container: running}]";
  playbook.replace(playbook.find(checks), checks.size(), "[{check: health}, {alert: resolved}]");
  Rig rig(playbook);
  rig.clock.advance(10min);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  const bool has_restarted = GENERATE(true, false);
  rig.engine->on_start([&](const ContainerInfo&) {
    has_restarted ? rig.alertmanager->restart() : rig.alertmanager->forget(alert.labels);
  });
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  if (has_restarted) {
    const Incident failed = rig.run_to(IncidentState::kFailed);
    CHECK(failed.reason == "verify_unknown");
    CHECK_THAT(failed.message, Catch::Matchers::Contains("an Alertmanager has been up for"));
  } else {
    rig.run_to(IncidentState::kRecovered);
  }
}

TEST_CASE("a worker that has no memory left ends nothing but its job, and the incident is gone on with") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  std::atomic<int> failures{2};
  rig.http.on("GET", "http://nginx/healthz", [&](const HttpClientRequest&) -> HttpAnswer {
    if (failures.fetch_sub(1) > 0) throw std::bad_alloc();
    const auto info = rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {});
    return HttpAnswer::of(info.has_value() && info->running() ? 200 : 500, "");
  });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kRecovered);
  CHECK(failures < 0);
}

}  // namespace
}  // namespace heal::remedy::test
