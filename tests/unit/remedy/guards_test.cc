#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// Breaks the container and posts a new alert about it.
IngestReply break_again(Rig& rig) {
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 1);
  auto reply = rig.post(Rig::group_of({rig.fire()}));
  REQUIRE(reply.has_value());
  REQUIRE(reply->accepted == 1);
  return *reply;
}

std::string without_cooldown() {
  std::string text = kHealYml;
  text.replace(text.find("cooldown: 5m"), 12, "cooldown: off");
  return text;
}

void recreate(Rig& rig) {
  REQUIRE(rig.engine->remove("nginx", rig.clock.deadline_in(1s), {}).has_value());
  SimContainer nginx;
  nginx.name = "nginx";
  nginx.labels = {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}};
  rig.engine->create(nginx);
  rig.engine->forget_calls();
}

TEST_CASE("a second fault within the cooldown is held until the cooldown is over, and then healed") {
  Rig rig;
  break_again(rig);
  const Incident first = rig.run_to(IncidentState::kRecovered);
  break_again(rig);  // before stay_healthy has passed
  const Incident held = rig.run_to(IncidentState::kHeld);
  CHECK(held.id != first.id);
  CHECK(held.reason == "cooldown");
  CHECK(rig.changes().size() == 1);
  const Incident recovered = rig.run_to(IncidentState::kRecovered);
  CHECK(recovered.id == held.id);
  CHECK(*recovered.times.acted_at >= *first.times.acted_at + 5min);
  CHECK(rig.changes().size() == 2);
}

TEST_CASE("the cooldown ends early when the heal has held for stay_healthy") {
  Rig rig;
  break_again(rig);
  const Incident first = rig.run_to(IncidentState::kClosed);
  CHECK(first.reason == "stayed_healthy");
  break_again(rig);
  const WallTime broken = rig.clock.now();
  const Incident second = rig.run_to(IncidentState::kRecovered);
  CHECK(second.id != first.id);
  CHECK(*second.times.acted_at < broken + 1min);
}

TEST_CASE("one fault more than the budget allows waits, with the reason, until a person has looked") {
  Rig rig(kRestartPlaybook, without_cooldown());
  for (int i = 0; i < 3; ++i) {
    break_again(rig);
    rig.run_to(IncidentState::kClosed);
  }
  REQUIRE(rig.changes().size() == 3);
  break_again(rig);
  const WallTime broken = rig.clock.now();
  rig.run_until([&] { return rig.newest().reason == "breaker_open" && rig.clock.now() > broken + 2h; });
  CHECK(rig.newest().state == IncidentState::kHeld);
  CHECK(rig.newest().message.find("budget_exhausted: 3 of 3 attempts used in 1h") != std::string::npos);
  CHECK(rig.changes().size() == 3);
  rig.coordinator->reset_breakers({"restart-container", "", BreakerChoice::Which::kMatching}, "ann", "disk replaced",
                                  [](const Result<std::vector<Breaker>>&) {});
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 4);
}

TEST_CASE("the budget counts across a restart of the service") {
  Rig rig(kRestartPlaybook, without_cooldown());
  for (int i = 0; i < 3; ++i) {
    break_again(rig);
    rig.run_to(IncidentState::kClosed);
    rig.kill();
    rig.start();
  }
  break_again(rig);
  rig.run_until([&] { return rig.newest().reason == "breaker_open"; });
  CHECK(rig.changes().size() == 3);
}

TEST_CASE(
    "while Alertmanager does not hold the evidence, silences or inhibits it, nothing is touched; then it is healed") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  ActiveAlert muted;
  muted.alert = alert;
  muted.state = "suppressed";
  std::string reason;
  SECTION("gone") {
    rig.alertmanager->forget(alert.labels);
    reason = "alert_absent";
  }
  SECTION("silenced") {
    muted.silenced_by = {"some-silence"};
    rig.alertmanager->hold(muted);
    reason = "silenced";
  }
  SECTION("inhibited") {
    muted.inhibited_by = {"another-alert"};
    rig.alertmanager->hold(muted);
    reason = "inhibited";
  }
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident held = rig.run_to(IncidentState::kHeld);
  CHECK(held.reason == reason);
  rig.run_until([&] { return rig.clock.now() > *held.times.detected_at + 30min; });
  CHECK(rig.newest().reason == reason);
  CHECK(rig.changes().empty());

  muted.state = "active";
  muted.silenced_by.clear();
  muted.inhibited_by.clear();
  rig.alertmanager->hold(muted);
  CHECK(rig.run_to(IncidentState::kRecovered).id == held.id);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("without an Alertmanager to ask, evidence is not known to be fresh, and the heal is held") {
  Rig rig;
  rig.forget_alertmanagers();
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "no_alertmanager");
  CHECK(rig.changes().empty());
}

TEST_CASE("what is held is asked about again after a second at first, and every minute later") {
  Rig rig;
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "healthy");
  Duration patience = 1s;
  SECTION("at first") {}
  SECTION("later") {
    const WallTime later = rig.clock.now() + 20min;
    rig.run_until([&] { return rig.clock.now() >= later; });
    // The question that is asked now must not see what breaks after it.
    rig.await([&] { return rig.clock.next_wake() > rig.clock.steady_now(); });
    patience = 1min;
  }
  rig.engine->crash("nginx", 1);
  const WallTime broken_at = rig.clock.now();
  const auto acted_at = rig.run_to(IncidentState::kRecovered).times.acted_at;
  REQUIRE(acted_at.has_value());
  CHECK(*acted_at - broken_at <= patience);
}

TEST_CASE("a target that is healthy again before anything was done is left alone for as long as it is") {
  Rig rig;
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident held = rig.run_to(IncidentState::kHeld);
  CHECK(held.reason == "healthy");
  CHECK(rig.changes().empty());
  SECTION("its alert resolves") {
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
    CHECK(rig.newest().state == IncidentState::kStale);
    CHECK(rig.changes().empty());
  }
  SECTION("it fails again while its alert fires") {
    rig.engine->crash("nginx", 1);
    CHECK(rig.run_to(IncidentState::kRecovered).id == held.id);
    CHECK(rig.changes().size() == 1);
  }
}

TEST_CASE("a container that was created after the evidence began is not the one to heal") {
  Rig rig;
  const Alert alert = rig.fire();
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 1);
  recreate(rig);
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const WallTime created = rig.clock.now();
  CHECK(rig.run_to(IncidentState::kHeld).reason == "target_changed");
  CHECK(rig.changes().empty());
  // Evidence that is still true when the new one has stood for a minute is about it too.
  CHECK(*rig.run_to(IncidentState::kRecovered).times.acted_at >= created + 1min);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a container that is recreated between the decision and the step is not touched") {
  std::string playbook = kRestartPlaybook;
  playbook.insert(playbook.find("  - name: restart"), "  - name: tell\n    command: {argv: [/bin/true-ish]}\n");
  Rig rig(playbook);
  rig.processes.on("/bin/true-ish", [&](const ProcessSpec&) {
    recreate(rig);
    return ProcessScript::exits(0);
  });
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident failed = rig.run_to(IncidentState::kFailed);
  CHECK(failed.reason == "step_failed");
  CHECK(rig.processes.runs().size() == 1);
  CHECK(rig.changes().empty());
}

}  // namespace
}  // namespace heal::remedy::test
