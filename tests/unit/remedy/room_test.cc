// As many heals run as there are workers (the rig has two); nothing else waits behind them.
#include <algorithm>
#include <future>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// `count` containers that stand alone, dead.
std::vector<Alert> break_some(Rig& rig, int count) {
  std::vector<Alert> alerts;
  for (int i = 1; i <= count; ++i) {
    SimContainer one;
    one.name = "one" + std::to_string(i);
    one.labels = {{"heal.enable", "true"}};
    rig.engine->add(one);
    rig.engine->crash(one.name, 1);
    alerts.push_back(rig.fire(one.name));
  }
  return alerts;
}

const char* const kLongRestart = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - {name: restart, docker.restart: {}, timeout: 2h}
verify: {within: 30s, all: [{container: running}]}
stay_healthy: 30s
escalate: [page]
)";

std::size_t in_state(Rig& rig, IncidentState state, std::string_view reason = "") {
  const auto all = rig.incidents();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const Incident& incident) {
    return incident.state == state && (reason.empty() || incident.reason == reason);
  }));
}

TEST_CASE("more heals than workers are held, visibly, until one of those that run has ended") {
  const bool is_guarded = GENERATE(true, false);
  const std::string off = "    in_flight: off\n";
  std::string yml = kHealYml;
  if (!is_guarded) yml.replace(yml.find("    cooldown"), 0, off);
  Rig rig(kLongRestart, yml);
  rig.engine->set_delay("restart", 1h);
  REQUIRE(rig.post(Rig::group_of(break_some(rig, 3))).has_value());
  rig.await([&] { return in_state(rig, IncidentState::kHeld, "too_many_in_flight") == 1; });
  CHECK(in_state(rig, IncidentState::kExecuting) == 2);
  for (const auto& incident : rig.incidents()) {
    if (incident.state == IncidentState::kHeld)
      CHECK(incident.message == "2 heals are running, as many as there are workers");
  }
  rig.run_until([&] { return in_state(rig, IncidentState::kClosed) == 3; });
  CHECK(rig.changes().size() == 3);
}

TEST_CASE("neither a decision nor a rehearsal stands behind steps that take their time") {
  Rig rig(kLongRestart);
  rig.engine->set_delay("restart", 1h);
  REQUIRE(rig.post(Rig::group_of(break_some(rig, 2))).has_value());
  rig.await([&] { return in_state(rig, IncidentState::kExecuting) == 2 && rig.changes().size() == 2; });
  const WallTime before = rig.clock.now();
  REQUIRE(rig.post(Rig::group_of({rig.fire("nobody")})).has_value());
  rig.await([&] { return rig.newest().state == IncidentState::kUnmatched; });
  HealRequest request;
  request.playbook = "restart-container";
  request.target = TargetId::parse("container/local/nginx").value();
  request.by = "ann";
  request.dry_run = HealRequest::Rehearse::kYes;
  const auto rehearsed = rig.heal(request);
  REQUIRE(rehearsed.has_value());
  CHECK(rehearsed->reason == "too_many_in_flight");
  CHECK(rig.clock.now() == before);
  rig.kill();
}

TEST_CASE("a call for a human does not stand behind steps that take their time") {
  std::string broken = kLongRestart;
  Rig rig(broken.replace(broken.find("docker.restart"), 14, "docker.inspect"));
  rig.add_playbook(R"(version: 1
playbook: slow
mode: auto
steps:
  - {name: restart, docker.restart: {}, timeout: 2h}
verify: {within: 30s, all: [{container: running}]}
)");
  auto alerts = break_some(rig, 3);
  REQUIRE(rig.post(Rig::group_of({alerts[0]})).has_value());
  rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return !rig.alertmanager->posted().empty(); });
  rig.engine->set_delay("restart", 1h);
  for (const char* name : {"one2", "one3"}) {
    HealRequest request;
    request.playbook = "slow";
    request.target = TargetId{"container", "local", name};
    request.by = "ann";
    REQUIRE(rig.heal(request).has_value());
  }
  rig.await([&] { return rig.changes().size() == 2; });
  const std::size_t told = rig.alertmanager->posted().size();
  const WallTime later = rig.clock.now() + 30min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  CHECK(in_state(rig, IncidentState::kExecuting) == 2);
  CHECK(rig.alertmanager->posted().size() > told);
  rig.kill();
}

TEST_CASE("how long the oldest has waited is told as it is now, also while nothing moves") {
  Rig rig(kLongRestart);
  rig.engine->set_delay("inspect", 1h);
  REQUIRE(rig.post(Rig::group_of(break_some(rig, 5 + kLookers))).has_value());
  rig.await([&] { return rig.coordinator->queue().depth == 3 && rig.clock.sleepers() >= 2 + kLookers; });
  CHECK(rig.coordinator->queue().oldest_age == 0s);
  rig.clock.advance(3s);
  CHECK(rig.coordinator->queue().oldest_age == 3s);
  rig.kill();
}

}  // namespace
}  // namespace heal::remedy::test
