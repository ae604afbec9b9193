#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/waiting.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

using Verb = OperatorRequest::Verb;

/// The target is started with an undo, then a slow command runs, then another.
const char* const kSlow = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: first
    docker.start: {}
    undo: inverse
  - name: slow
    command: {argv: [/bin/true-ish]}
  - name: never
    command: {argv: [/bin/true-ish, again]}
verify:
  within: 5s
  consecutive: 1
  all: [{check: health}]
)";

OperatorRequest ask(Rig& rig, Verb verb) {
  return {verb, rig.newest().id, "ann", "", "enough"};
}

void begin_slow(Rig& rig) {
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
}

TEST_CASE("what runs and is cancelled ends before its next step, and is undone") {
  Rig rig(kSlow);
  begin_slow(rig);
  const auto answer = rig.operate(ask(rig, Verb::kCancel));
  REQUIRE(answer.has_value());
  CHECK(answer->state == IncidentState::kExecuting);
  const Incident cancelled = rig.run_to(IncidentState::kCancelled);
  CHECK(cancelled.reason == "cancelled");
  CHECK(cancelled.message == "ann cancelled it: enough; undone: first");
  CHECK(rig.processes.runs().size() == 1);
  CHECK(rig.changes().back().verb == "stop");
}

TEST_CASE("a cancellation survives a restart") {
  Rig rig(kSlow);
  begin_slow(rig);
  REQUIRE(rig.operate(ask(rig, Verb::kCancel)).has_value());
  rig.kill();
  rig.start();
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  CHECK(rig.processes.runs().size() == 1);
}

TEST_CASE("what has not begun is cancelled at once") {
  Rig rig;
  rig.engine->go_away();
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.newest().state == IncidentState::kHeld; });
  CHECK(rig.operate(ask(rig, Verb::kCancel))->state == IncidentState::kCancelled);
  CHECK(!rig.operate(ask(rig, Verb::kCancel)).has_value());
}

TEST_CASE("the lever ends a run before its next step, and what was done is undone") {
  Rig rig(kSlow);
  begin_slow(rig);
  rig.coordinator->set_lever(LeverMove::kEngage, "ann", "wrong things", [](const Result<Lever>&) {});
  const Incident cancelled = rig.run_to(IncidentState::kCancelled);
  CHECK(cancelled.reason == "lever_engaged");
  CHECK(cancelled.message == "ann engaged the emergency lever: wrong things; undone: first");
  CHECK(rig.processes.runs().size() == 1);
}

/// Holds the coordinator's thread up, in the answer to a message, until it is let go.
class Block {
 public:
  void wait() {
    is_reached_ = true;
    go_.get_future().wait();
  }
  void let_go() { go_.set_value(); }
  bool is_reached() const { return is_reached_; }

 private:
  std::atomic<bool> is_reached_{false};
  std::promise<void> go_;
};

TEST_CASE("no step begins with the commit that engages the lever") {
  Rig rig(kSlow);
  begin_slow(rig);
  // So that one batch holds the lever and, after it, the intent of the next step.
  Block first, second;
  const auto send = [&](const std::string& name, const std::function<void()>& done) {
    rig.coordinator->pause({name, "ann", "for a moment", {}, std::nullopt}, [done](const Result<Pause>&) { done(); });
  };
  send("first", [&] { first.wait(); });
  rig.await([&] { return first.is_reached(); });
  std::atomic<bool> is_engaged{false};
  send("engage", [&] {
    rig.coordinator->set_lever(LeverMove::kEngage, "ann", "wrong things",
                               [&](const Result<Lever>& lever) { is_engaged = lever.has_value(); });
  });
  rig.clock.advance(10s);  // the slow step ends
  rig.await([] { return heal::test::all_others_sleep(); });
  send("second", [&] { second.wait(); });
  first.let_go();
  rig.await([&] { return second.is_reached() && heal::test::all_others_sleep(); });
  const auto commits = rig.store->commits();
  second.let_go();
  rig.await([&] { return is_engaged.load(); });
  CHECK(rig.run_to(IncidentState::kCancelled).reason == "lever_engaged");
  CHECK(rig.store->commits() > commits);
  CHECK(rig.processes.runs().size() == 1);
}

TEST_CASE("a failed heal is tried again when somebody asks: a new incident of the same alert, under the same guards") {
  std::string text = kSlow;
  text.replace(text.find("mode: auto"), 10, "mode: auto\nguards: {cooldown: \"off\"}");
  Rig rig(text);
  rig.processes.on("/bin/true-ish", ProcessScript::exits(1, "", "", 0s));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const Incident failed = rig.run_to(IncidentState::kFailed);
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 0s));
  rig.clock.advance(1s);
  const auto again = rig.operate(ask(rig, Verb::kRetry));
  REQUIRE(again.has_value());
  CHECK(again->id != failed.id);
  CHECK(again->episode_keys == failed.episode_keys);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.newest().id == again->id);
  CHECK(rig.post(Rig::group_of({alert}))->duplicates == 1);
}

TEST_CASE("what has resolved is not tried again") {
  Rig rig(kSlow);
  rig.processes.on("/bin/true-ish", ProcessScript::exits(1, "", "", 0s));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.run_to(IncidentState::kFailed);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  const auto again = rig.operate(ask(rig, Verb::kRetry));
  REQUIRE(!again.has_value());
  CHECK(again.error().code() == ErrorCode::kConflict);
}

TEST_CASE("a cancelled run whose step fails ends as cancelled: no further rung is climbed") {
  std::string text = kSlow;
  Rig rig(text + "escalate: [start-it, page]\n");
  rig.add_playbook("version: 1\nplaybook: start-it\nmode: auto\nsteps:\n  - name: only\n    docker.start: {}\n");
  rig.processes.on("/bin/true-ish", ProcessScript::exits(1, "", "", 10s));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  REQUIRE(rig.operate(ask(rig, Verb::kCancel)).has_value());
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  const Incident cancelled = rig.newest();
  CHECK(cancelled.state == IncidentState::kCancelled);
  CHECK(cancelled.reason == "cancelled");
  CHECK(cancelled.message.starts_with("ann cancelled it: enough; step slow failed"));
  CHECK(cancelled.attempt == 1);
  CHECK(cancelled.playbook == "restart-container");
}

}  // namespace
}  // namespace heal::remedy::test
