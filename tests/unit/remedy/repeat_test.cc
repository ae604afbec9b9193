// An alert that is told again although its incident is over; and another attempt that a person asks for.
#include <future>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

bool has_kind(Rig& rig, const std::string& id, const std::string& kind) {
  for (const auto& entry : rig.timeline(id)) {
    if (entry.kind == kind) return true;
  }
  return false;
}

std::string unknown_outcomes(Rig& rig) {
  const std::string text = rig.metrics.expose();
  const auto at = text.find("\nheal_unknown_outcomes ");
  return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

const char* const kInspect = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - {name: look, docker.inspect: {}}
verify: {within: 5s, all: [{check: health}]}
escalate: [page]
)";

TEST_CASE("an alert that fires on after its heal was closed changes nothing while the target is well") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const Incident healed = rig.run_to(IncidentState::kClosed);
  for (int i = 0; i < 3; ++i) {
    rig.clock.advance(10min);
    CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {healed.id}});
    rig.run_until([&] { return rig.coordinator->queue().depth == 0; });
  }
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("an alert that fires on after its heal was closed begins a heal when the target is bad again, one") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const Incident healed = rig.run_to(IncidentState::kClosed);
  rig.clock.advance(10min);
  rig.engine->crash("nginx", 1);
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {healed.id}});
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {healed.id}});
  rig.run_until([&] { return rig.incidents().size() == 2; });
  const Incident again = rig.run_to(IncidentState::kClosed);
  CHECK(again.id != healed.id);
  CHECK(has_kind(rig, again.id, "again"));
  CHECK(rig.memory->episode(episode_key(alert)).value()->incident_id == again.id);
  CHECK(rig.changes().size() == 2);
  // The first one is not the alert's any more.
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(rig.memory->incident(again.id).value()->times.resolved_at.has_value());
  CHECK_FALSE(rig.memory->incident(healed.id).value()->times.resolved_at.has_value());
}

TEST_CASE("a heal that the lever stopped is asked for again by its alert, and begins when the lever is released") {
  Rig rig;
  const auto move = [&](LeverMove to) {
    std::promise<bool> done;
    rig.coordinator->set_lever(to, "ann", "fire",
                               [&](const Result<Lever>& lever) { done.set_value(lever.has_value()); });
    REQUIRE(done.get_future().get());
  };
  rig.engine->set_delay("restart", 1min);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  rig.engine->set_delay("inspect", 1s);
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kExecuting);
  move(LeverMove::kEngage);
  const Incident stopped = rig.run_to(IncidentState::kCancelled);
  CHECK(stopped.reason == "lever_engaged");
  rig.engine->set_delay("inspect", 0s);
  CHECK(rig.post(Rig::group_of({alert}))->accepted == 1);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "lever_engaged");
  rig.engine->crash("nginx", 1);
  move(LeverMove::kRelease);
  CHECK(rig.run_to(IncidentState::kRecovered).id != stopped.id);
}

TEST_CASE("a person may have an incident that waits for a human tried again, and his call for one ends") {
  Rig rig(kInspect);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] { return !rig.alertmanager->posted().empty(); });
  rig.clock.advance(1h);
  rig.add_playbook(kRestartPlaybook);
  const auto retried = rig.operate({OperatorRequest::Verb::kRetry, escalated.id, "ann", "", "the file is mended"});
  REQUIRE(retried.has_value());
  CHECK(retried->id != escalated.id);
  const Incident ended = *rig.memory->incident(escalated.id).value();
  CHECK(ended.state == IncidentState::kClosed);
  CHECK(ended.reason == "retried");
  CHECK(rig.run_to(IncidentState::kRecovered).id == retried->id);
  rig.await([&] { return *rig.alertmanager->posted().back().ends_at <= rig.clock.now(); });
}

TEST_CASE("a closed incident is tried again only while its alerts fire") {
  Rig rig(kInspect);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const Incident escalated = rig.run_to(IncidentState::kEscalated);
  REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, escalated.id, "ann", "", "mine"}).has_value());
  CHECK(rig.newest().state == IncidentState::kClosed);
  const bool is_over = GENERATE(true, false);
  if (is_over) REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  const auto retried = rig.operate({OperatorRequest::Verb::kRetry, escalated.id, "ann", "", ""});
  CHECK(retried.has_value() == !is_over);
  if (is_over) CHECK(retried.error().code() == ErrorCode::kConflict);
  rig.kill();
}

TEST_CASE("an outcome that nobody knows is told until the alert ends or somebody tries again, also after a restart") {
  Rig rig(R"(version: 1
playbook: restart-container
mode: auto
steps:
  - {name: one, command: {argv: [/bin/true-ish]}, on_unknown: halt}
verify: {within: 5s, all: [{check: health}]}
)");
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  CHECK(unknown_outcomes(rig) == "heal_unknown_outcomes 0");
  rig.kill();
  rig.start();
  const Incident halted = rig.run_to(IncidentState::kInterrupted);
  rig.await([&] { return unknown_outcomes(rig) == "heal_unknown_outcomes 1"; });
  rig.kill();
  rig.start();
  CHECK(unknown_outcomes(rig) == "heal_unknown_outcomes 1");
  SECTION("it ends") {
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  }
  SECTION("it is tried again") {
    REQUIRE(rig.operate({OperatorRequest::Verb::kRetry, halted.id, "ann", "", ""}).has_value());
  }
  rig.await([&] { return unknown_outcomes(rig) == "heal_unknown_outcomes 0"; });
  rig.kill();
}

}  // namespace
}  // namespace heal::remedy::test
