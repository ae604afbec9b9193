// What is due is taken up once, and what cannot be taken up yet is not asked about without end.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/waiting.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// Two steps that last: a restart, and a command after it.
const char* const kTwoSteps = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - {name: first, docker.restart: {grace: 1s}, on_unknown: probe}
  - {name: second, command: {argv: [/bin/true-ish]}}
verify: {within: 30s, consecutive: 1, all: [{check: health}]}
stay_healthy: 30s
)";

/// A store whose episodes cannot be read while `is_broken`; counts who asks.
class BrokenStore : public FailingStore {
 public:
  using FailingStore::FailingStore;
  Result<std::vector<Episode>> episodes(const std::vector<std::string>& keys) override {
    ++asked;
    if (is_broken) return make_error(ErrorCode::kStorage, "cannot be read");
    return FailingStore::episodes(keys);
  }
  std::atomic<bool> is_broken{false};
  std::atomic<int> asked{0};
};

/// A heal that was killed within its first step, taken up while the engine is away: it waits.
struct HalfDoneRig : Rig {
  HalfDoneRig() : Rig(kTwoSteps) {
    processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 20s));
    engine->set_delay("restart", 10s);
    engine->crash("nginx", 1);
    REQUIRE(post(group_of({fire()}))->accepted == 1);
    await([&] { return !changes().empty() && clock.sleepers() > 0; });
    kill();
    engine->set_delay("restart", 0s);
    REQUIRE(engine->start("nginx", clock.deadline_in(1s), {}).has_value());
    engine->go_away();
    broken = std::make_shared<BrokenStore>(memory);
    store = broken;
    start();
    await([&] { return newest().message.starts_with("half-done, waits"); });
    settle();
    engine->come_back();
  }
  /// Until nobody has anything to do before the clock moves.
  void settle() {
    await([] { return heal::test::all_others_sleep(); });
  }

  std::shared_ptr<BrokenStore> broken;
};

TEST_CASE("an attempt whose wake-up met a store that could not be read is taken up once") {
  HalfDoneRig rig;
  rig.broken->is_broken = true;
  const int asked = rig.broken->asked;
  rig.clock.advance_to_next();
  rig.await([&] { return rig.broken->asked > asked; });
  rig.settle();
  rig.broken->is_broken = false;
  SECTION("its wake-up comes first, and the second try within the run") {
    rig.clock.advance_to_next();
  }
  SECTION("its wake-up and the second try are due together") {
    rig.clock.advance(10s);
  }
  rig.await([&] { return rig.processes.runs().size() == 1; });
  rig.settle();
  rig.clock.advance(10s);
  rig.settle();
  CHECK(rig.processes.runs().size() == 1);
  const Incident closed = rig.run_to(IncidentState::kClosed);
  const auto kinds = rig.kinds(closed.id);
  CHECK(std::count(kinds.begin(), kinds.end(), "resumed") == 1);
  CHECK(rig.processes.runs().size() == 1);
}

TEST_CASE("an incident that is due while the store cannot be read is asked about once, until time passes") {
  HalfDoneRig rig;
  rig.broken->is_broken = true;
  const int asked = rig.broken->asked;
  rig.clock.advance_to_next();
  rig.await([&] { return rig.broken->asked > asked; });
  rig.settle();
  CHECK(rig.broken->asked == asked + 1);
  CHECK(rig.clock.next_wake() > rig.clock.steady_now());
}

TEST_CASE("a question to people that is due by one clock and not by the other is looked at again later, not at once") {
  std::string text = kRestartPlaybook;
  Rig rig(text.replace(text.find("mode: auto"), 10, "mode: approve\napproval: {ttl: 15m}"));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.newest().state == IncidentState::kAwaitingApproval; });
  rig.await([&] { return rig.clock.next_wake() && heal::test::all_others_sleep(); });
  rig.clock.set_now(rig.clock.now() - 3s);
  const SteadyTime due = *rig.clock.next_wake();
  rig.clock.advance_to_next();
  rig.await([] { return heal::test::all_others_sleep(); });
  CHECK(rig.newest().state == IncidentState::kAwaitingApproval);
  CHECK(rig.clock.next_wake() > due);
  CHECK(rig.run_to(IncidentState::kSuppressed).reason == "approval_expired");
  CHECK(rig.clock.steady_now() - due < 10s);
}

TEST_CASE("a question to people that was looked at after a restart is not looked at each second until it ends") {
  std::string text = kRestartPlaybook;
  Rig rig(text.replace(text.find("mode: auto"), 10, "mode: approve\napproval: {ttl: 15m}"));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.newest().state == IncidentState::kAwaitingApproval; });
  rig.kill();
  rig.start();
  rig.await([&] { return rig.clock.next_wake() && heal::test::all_others_sleep(); });
  rig.clock.advance_to_next();
  rig.await([&] { return rig.clock.next_wake() && heal::test::all_others_sleep(); });
  CHECK(*rig.clock.next_wake() - rig.clock.steady_now() > 10min);
  CHECK(rig.run_to(IncidentState::kSuppressed).reason == "approval_expired");
}

}  // namespace
}  // namespace heal::remedy::test
