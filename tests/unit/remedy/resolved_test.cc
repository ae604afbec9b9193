#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// The seed's fail-over: the cloud container serves while nginx is away, and stops when nginx is back.
const char* const kFailover = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: cloud-up
    docker.start: {}
    target: container/local/cloud
verify:
  within: 5s
  consecutive: 1
  all: [{container: running, target: container/local/cloud}]
stay_healthy: 30s
escalate: [page]
on_resolved:
  check: [{check: health}]
  within: 1m
  steps:
    - name: cloud-down
      docker.stop: {grace: 1s}
      target: container/local/cloud
)";

struct Failover {
  explicit Failover(const std::string& playbook = kFailover) : rig(playbook, heal_yml()) {
    SimContainer cloud;
    cloud.name = "cloud";
    rig.engine->add(cloud);
    rig.engine->crash("cloud", 0);
    rig.engine->crash("nginx", 1);
    rig.engine->forget_calls();
    alert = rig.fire();
    REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  }
  static std::string heal_yml() {
    std::string text = kHealYml;
    return text.replace(text.find("  container_labels: true\n"), 25,
                        "  container_labels: true\n  targets: [{target: container/local/cloud}]\n");
  }
  void wait_for_resolve() {
    rig.run_until([&] { return rig.newest().reason == "waits_for_resolve"; });
  }
  void bring_back() {
    REQUIRE(rig.engine->start("nginx", rig.clock.deadline_in(1s), {}).has_value());
    rig.engine->forget_calls();
  }
  bool is_running(const std::string& name) {
    return rig.engine->inspect(name, rig.clock.deadline_in(1s), {})->running();
  }

  Rig rig;
  Alert alert;
};

TEST_CASE("a heal with on_resolved stays open until the alert resolves, and then does what it says") {
  Failover failover;
  failover.wait_for_resolve();
  CHECK(failover.rig.newest().state == IncidentState::kRecovered);
  CHECK(failover.is_running("cloud"));
  failover.bring_back();
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)}))->accepted == 1);
  const Incident closed = failover.rig.run_to(IncidentState::kClosed);
  CHECK(closed.reason == "on_resolved_done");
  CHECK_FALSE(failover.is_running("cloud"));
}

TEST_CASE("an alert that resolves before stay_healthy has passed is remembered") {
  Failover failover;
  failover.rig.run_to(IncidentState::kRecovered);
  failover.bring_back();
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)}))->accepted == 1);
  failover.rig.run_to(IncidentState::kClosed);
  CHECK_FALSE(failover.is_running("cloud"));
}

TEST_CASE("resolved, but the trouble is not seen to be over: a human is asked, and on_resolved is not run") {
  Failover failover;
  failover.wait_for_resolve();
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)}))->accepted == 1);
  failover.rig.run_until([&] { return failover.rig.newest().reason == "not_over"; });
  CHECK(failover.rig.newest().state == IncidentState::kEscalated);
  CHECK(failover.is_running("cloud"));
}

TEST_CASE("an alert that never resolves does not keep the incident open for ever") {
  Failover failover;
  failover.wait_for_resolve();
  failover.rig.run_until([&] { return failover.rig.newest().reason == "never_resolved"; });
  CHECK(failover.is_running("cloud"));
}

TEST_CASE("what people say against acting makes on_resolved wait, and it is run once they allow it") {
  Failover failover;
  Rig& rig = failover.rig;
  failover.wait_for_resolve();
  failover.bring_back();
  const auto engage = [&](LeverMove move) {
    std::promise<bool> moved;
    rig.coordinator->set_lever(move, "ann", "fire",
                               [&](const Result<Lever>& lever) { moved.set_value(lever.has_value()); });
    return moved.get_future().get();
  };
  const auto pause = [&](bool is_on) {
    std::promise<bool> done;
    const auto told = [&](const Result<Pause>& result) { done.set_value(result.has_value()); };
    is_on ? rig.coordinator->pause({"p", "ann", "because", {}, std::nullopt}, told)
          : rig.coordinator->end_pause("p", "ann", told);
    return done.get_future().get();
  };
  const bool is_lever = GENERATE(true, false);
  REQUIRE((is_lever ? engage(LeverMove::kEngage) : pause(true)));
  REQUIRE(rig.post(Rig::group_of({rig.resolve(failover.alert)}))->accepted == 1);
  rig.run_until([&] { return rig.newest().message.find("on_resolved waits: ") == 0; });
  const WallTime later = rig.clock.now() + 30min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  CHECK(rig.newest().state == IncidentState::kRecovered);
  CHECK(failover.is_running("cloud"));
  const auto kinds = rig.kinds(rig.newest().id);
  CHECK(std::count(kinds.begin(), kinds.end(), "on_resolved") == 2);
  REQUIRE((is_lever ? engage(LeverMove::kRelease) : pause(false)));
  rig.run_to(IncidentState::kClosed);
  CHECK_FALSE(failover.is_running("cloud"));
}

TEST_CASE("a check of on_resolved that cannot be answered is asked again, and at last a human is told") {
  Failover failover;
  Rig& rig = failover.rig;
  failover.wait_for_resolve();
  failover.bring_back();
  std::atomic<bool> is_blind{true};
  rig.http.on("GET", "http://nginx/healthz", [&](const HttpClientRequest&) {
    return is_blind ? HttpAnswer::failing(make_error(ErrorCode::kInternal, "no socket")) : HttpAnswer::of(200, "ok");
  });
  REQUIRE(rig.post(Rig::group_of({rig.resolve(failover.alert)}))->accepted == 1);
  const WallTime later = rig.clock.now() + 3min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  CHECK(rig.newest().state == IncidentState::kRecovered);
  SECTION("answered within five minutes") {
    is_blind = false;
    rig.run_to(IncidentState::kClosed);
    CHECK_FALSE(failover.is_running("cloud"));
  }
  SECTION("not answered") {
    CHECK(rig.run_to(IncidentState::kEscalated).reason == "not_over");
    CHECK(failover.is_running("cloud"));
  }
}

TEST_CASE("on_resolved is taken up after a restart and done once") {
  Failover failover;
  failover.wait_for_resolve();
  failover.bring_back();
  failover.rig.engine->set_delay("stop", 10s);
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)}))->accepted == 1);
  failover.rig.run_until([&] { return !failover.rig.changes().empty(); });
  failover.rig.kill();
  failover.rig.engine->set_delay("stop", 0s);
  failover.rig.start();
  failover.rig.run_to(IncidentState::kClosed);
  CHECK_FALSE(failover.is_running("cloud"));
  CHECK(failover.rig.memory->open_steps()->empty());
}

TEST_CASE("what on_resolved acts on is nobody else's for as long as it runs, however short the heal was") {
  std::string text = kFailover;
  text.replace(text.find("docker.start: {}"), 16, "docker.start: {}\n    timeout: 10s");
  text.replace(text.find("docker.stop: {grace: 1s}"), 24, "docker.stop: {grace: 1s}\n      timeout: 10m");
  Failover failover(text);
  Rig& rig = failover.rig;
  rig.add_playbook("version: 1\nplaybook: other\nmode: auto\nsteps: [{name: only, docker.restart: {}}]\n");
  failover.wait_for_resolve();
  rig.clock.advance(30min);  // the lease of the heal itself is over
  failover.bring_back();
  const auto ask_other = [&] {
    const auto answer = rig.heal({"other", TargetId{"container", "local", "cloud"}, {}, "ann"});
    return answer.has_value() ? answer->reason : answer.error().str();
  };
  SECTION("before its first step has begun") {
    // Its look at the container takes a while.
    rig.http.on("GET", "http://nginx/healthz", [&](const HttpClientRequest&) {
      rig.engine->set_delay("inspect", 5min);
      return HttpAnswer::of(200, "ok");
    });
    REQUIRE(rig.post(Rig::group_of({rig.resolve(failover.alert)}))->accepted == 1);
    rig.run_until([&] { return rig.newest().reason == "all_resolved" && rig.clock.sleepers() > 0; });
    REQUIRE(rig.memory->open_steps()->empty());
    rig.engine->set_delay("inspect", 0s);
    CHECK(ask_other() == "target_locked");
  }
  SECTION("while a step of it lasts") {
    rig.engine->set_delay("stop", 9min);
    REQUIRE(rig.post(Rig::group_of({rig.resolve(failover.alert)}))->accepted == 1);
    rig.run_until([&] { return !rig.changes().empty(); });
    rig.clock.advance(8min);
    CHECK(ask_other() == "target_locked");
  }
  rig.run_until(
      [&] { return rig.newest().reason == "on_resolved_done" || rig.incidents().back().reason == "on_resolved_done"; });
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("HealSucceeded is posted once the heal is proven and over, and is no evidence when it comes back to us") {
  const std::string tells = std::string(kRestartPlaybook) + R"(on_resolved:
  - name: tell
    alertmanager.alert: {name: HealSucceeded, labels: {severity: info, container: nginx}, for: 5m}
)";
  // Everything that has a container is sent here, and would begin a heal.
  Rig rig(tells,
          std::string(kHealYml) +
              "  - {match: ['container=\"nginx\"'], playbook: restart-container, target: container/local/nginx}\n");
  const auto told = [&rig] {
    std::vector<Alert> out;
    for (const auto& posted : rig.alertmanager->posted()) {
      if (label_value(posted.labels, "alertname") == "HealSucceeded") out.push_back(posted);
    }
    return out;
  };
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.run_until([&] { return rig.newest().reason == "waits_for_resolve"; });
  CHECK(told().empty());
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  const Incident closed = rig.run_to(IncidentState::kClosed);
  CHECK(closed.reason == "on_resolved_done");
  REQUIRE(told().size() == 1);
  Alert own = told().front();
  CHECK(label_value(own.labels, "heal_incident") == closed.id);
  own.ends_at.reset();
  own.fingerprint = fingerprint_of(own.labels);
  rig.engine->crash("nginx", 1);
  CHECK(*rig.post(Rig::group_of({own})) == IngestReply{});
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("a trouble that comes back while on_resolved runs begins a new incident") {
  Failover failover;
  failover.wait_for_resolve();
  failover.bring_back();
  failover.rig.engine->set_delay("stop", 10s);
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)}))->accepted == 1);
  failover.rig.run_until([&] { return !failover.rig.changes().empty(); });
  failover.rig.engine->crash("nginx", 1);
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.fire()}))->accepted == 1);
  failover.rig.engine->set_delay("stop", 0s);
  failover.rig.run_until([&] { return failover.rig.incidents().size() == 2; });
  CHECK(failover.rig.incidents().back().state == IncidentState::kClosed);
}

TEST_CASE("when on_resolved cannot be planned any more a human is told, and nothing loops") {
  Failover failover;
  failover.wait_for_resolve();
  failover.bring_back();
  failover.rig.kill();
  REQUIRE(failover.rig.engine->remove("nginx", failover.rig.clock.deadline_in(1s), {}).has_value());
  failover.rig.start();
  REQUIRE(failover.rig.post(Rig::group_of({failover.rig.resolve(failover.alert)})).has_value());
  CHECK(failover.rig.run_to(IncidentState::kEscalated).reason == "on_resolved_impossible");
  CHECK(failover.is_running("cloud"));
}

}  // namespace
}  // namespace heal::remedy::test
