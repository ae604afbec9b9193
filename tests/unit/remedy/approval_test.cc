#include <string>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

using Verb = OperatorRequest::Verb;

struct Asked {
  explicit Asked(const std::string& playbook = approve_mode()) : rig(playbook) {
    rig.engine->crash("nginx", 1);
    alert = rig.fire();
    REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
    rig.await([&] { return rig.newest().state == IncidentState::kAwaitingApproval; });
  }
  OperatorRequest request(Verb verb, const std::string& by = "ann") {
    const Incident incident = rig.newest();
    return {verb, incident.id, by, incident.plan_hash, ""};
  }

  /// Agrees, and waits until that was looked at: the question's end must not come before.
  void approve() {
    REQUIRE(rig.operate(request(Verb::kApprove)).has_value());
    rig.await([&] { return rig.newest().state != IncidentState::kAwaitingApproval; });
  }

  Rig rig;
  Alert alert;
};

TEST_CASE("mode approve: nothing is done until somebody agrees, then it is healed") {
  Asked asked;
  CHECK(asked.rig.newest().reason == "needs_approval");
  CHECK(asked.rig.changes().empty());
  asked.approve();
  asked.rig.run_to(IncidentState::kClosed);
  CHECK(asked.rig.changes().size() == 1);
}

TEST_CASE("an approval of another plan is refused") {
  Asked asked;
  auto request = asked.request(Verb::kApprove);
  request.plan_hash = std::string(64, 'a');
  const auto answer = asked.rig.operate(request);
  REQUIRE(!answer.has_value());
  CHECK(answer.error().code() == ErrorCode::kConflict);
  CHECK(asked.rig.newest().state == IncidentState::kAwaitingApproval);
  CHECK(asked.rig.changes().empty());
}

TEST_CASE("what was approved does not run when the plan has changed meanwhile: people are asked again") {
  Asked asked;
  std::string changed = approve_mode();
  changed.replace(changed.find("stay_healthy: 30s"), 17, "stay_healthy: 31s");
  asked.rig.add_playbook(changed);
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove)).has_value());
  asked.rig.await([&] { return asked.rig.newest().reason == "plan_changed"; });
  CHECK(asked.rig.newest().state == IncidentState::kAwaitingApproval);
  CHECK(asked.rig.changes().empty());
  asked.approve();
  asked.rig.run_to(IncidentState::kClosed);
  CHECK(asked.rig.changes().size() == 1);
}

TEST_CASE("nobody agrees in time: it is refused, and cannot be approved any more") {
  Asked asked;
  const auto late = asked.request(Verb::kApprove);
  CHECK(asked.rig.run_to(IncidentState::kSuppressed).reason == "approval_expired");
  CHECK(!asked.rig.operate(late).has_value());
  CHECK(asked.rig.changes().empty());
}

TEST_CASE("an approval after the target has become healthy does nothing") {
  Asked asked;
  REQUIRE(asked.rig.engine->start("nginx", asked.rig.clock.deadline_in(1s), {}).has_value());
  asked.rig.engine->forget_calls();
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove)).has_value());
  CHECK(asked.rig.run_to(IncidentState::kHeld).reason == "healthy");
  CHECK(asked.rig.changes().empty());
}

TEST_CASE("an alert that resolves while people are asked ends the question") {
  Asked asked;
  REQUIRE(asked.rig.post(Rig::group_of({asked.rig.resolve(asked.alert)}))->accepted == 1);
  CHECK(asked.rig.newest().state == IncidentState::kStale);
}

TEST_CASE("what was rejected is not done") {
  Asked asked;
  auto request = asked.request(Verb::kReject);
  request.reason = "deploy is running";
  const auto answer = asked.rig.operate(request);
  REQUIRE(answer.has_value());
  CHECK(answer->state == IncidentState::kSuppressed);
  CHECK(answer->reason == "rejected");
  CHECK(answer->message == "ann rejected it: deploy is running");
}

TEST_CASE(
    "what was rejected is asked for again under files that came into force later, not under those it was rejected "
    "under") {
  Asked asked;
  Rig& rig = asked.rig;
  const auto load = [&] {
    rig.clock.advance(1s);
    auto loaded = std::make_shared<World>(*rig.world->get());
    loaded->in_force_since = rig.clock.now();
    rig.world->set(std::shared_ptr<const World>(std::move(loaded)));
    rig.clock.advance(1s);
  };
  load();
  REQUIRE(rig.operate(asked.request(Verb::kReject)).has_value());
  CHECK(rig.post(Rig::group_of({asked.alert}))->duplicates == 1);
  CHECK(rig.incidents().size() == 1);
  load();
  CHECK(rig.post(Rig::group_of({asked.alert}))->accepted == 1);
  CHECK(rig.incidents().size() == 2);
}

TEST_CASE("two approvers must be two people") {
  Asked asked(approve_mode("{ttl: 15m, approvers: 2}"));
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove)).has_value());
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove)).has_value());
  CHECK(asked.rig.newest().state == IncidentState::kAwaitingApproval);
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove, "ben")).has_value());
  asked.rig.run_to(IncidentState::kClosed);
  CHECK(asked.rig.changes().size() == 1);
}

TEST_CASE("a question and its answer survive a restart") {
  Asked asked;
  asked.rig.kill();
  asked.rig.start();
  REQUIRE(asked.rig.operate(asked.request(Verb::kApprove)).has_value());
  asked.rig.run_to(IncidentState::kClosed);
  CHECK(asked.rig.changes().size() == 1);
}

}  // namespace
}  // namespace heal::remedy::test
