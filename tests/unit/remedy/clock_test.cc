// A wall clock that is set back makes nothing wait longer than it had to, and lets nothing be done sooner.

#include <algorithm>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "common/remedy/clock_watch.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

Alert break_and_fire(Rig& rig) {
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  return alert;
}

/// An hour, while the service runs.
void set_back(Rig& rig) {
  rig.clock.set_now(rig.clock.now() - 1h);
}

/// The same while it does not.
void restart_set_back(Rig& rig) {
  rig.kill();
  set_back(rig);
  rig.start();
}

/// How long it takes, by a clock that does not jump, until the newest incident is in `state`.
Duration time_to(Rig& rig, IncidentState state) {
  const SteadyTime before = rig.clock.steady_now();
  rig.run_to(state);
  return rig.clock.steady_now() - before;
}

TEST_CASE("a question to people ends when its time is over, though the clock is set back an hour") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig(approve_mode());
    break_and_fire(rig);
    rig.await([&] { return rig.newest().state == IncidentState::kAwaitingApproval; });
    rig.await([&] { return rig.clock.next_wake().has_value(); });
    jump(rig);
    const Duration left = time_to(rig, IncidentState::kSuppressed);
    CHECK(left > 14min);
    CHECK(left < 16min);
    CHECK(rig.newest().reason == "approval_expired");
    CHECK(rig.changes().empty());
  }
}

TEST_CASE("a heal is watched for stay_healthy and no longer, though the clock is set back an hour") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig;
    break_and_fire(rig);
    rig.run_to(IncidentState::kRecovered);
    jump(rig);
    CHECK(time_to(rig, IncidentState::kClosed) < 1min);
    CHECK(rig.changes().size() == 1);
  }
}

TEST_CASE("an alert that goes on after its heal is not healed again because the clock is set back an hour") {
  Rig rig;
  rig.engine->set_delay("restart", 10s);
  break_and_fire(rig);
  rig.await([&] { return !rig.changes().empty() && rig.clock.sleepers() > 0; });
  set_back(rig);
  rig.run_to(IncidentState::kClosed);
  rig.clock.advance(10min);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a new fault is healed, though the clock is set back an hour since the last one") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig;
    const Alert alert = break_and_fire(rig);
    rig.run_to(IncidentState::kClosed);
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
    jump(rig);
    break_and_fire(rig);
    rig.run_until([&] { return rig.changes().size() == 2; });
    CHECK(rig.incidents().size() == 2);
  }
}

TEST_CASE("what is held is asked about again in its time, though the clock is set back an hour") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig;
    rig.engine->go_away();
    break_and_fire(rig);
    rig.run_to(IncidentState::kHeld);
    rig.clock.advance(2min);
    jump(rig);
    rig.engine->come_back();
    CHECK(time_to(rig, IncidentState::kRecovered) < 2min);
    CHECK(rig.changes().size() == 1);
  }
}

TEST_CASE("a storm ends in its time, though the clock is set back an hour") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig(kRestartPlaybook, std::string(kHealYml) + "storm: {incidents: 1, window: 1m, cooldown: 10m}\n");
    SimContainer other;
    other.name = "other";
    other.labels = {{"heal.enable", "true"}};
    rig.engine->add(other);
    rig.engine->crash("nginx", 1);
    rig.engine->crash("other", 1);
    REQUIRE(rig.post(Rig::group_of({rig.fire("other"), rig.fire()})).has_value());
    rig.await([&] {
      const auto all = rig.incidents();
      return std::any_of(all.begin(), all.end(), [](const Incident& incident) { return incident.reason == "storm"; });
    });
    jump(rig);
    const SteadyTime before = rig.clock.steady_now();
    rig.run_until([&] { return !rig.changes().empty(); });
    const Duration waited = rig.clock.steady_now() - before;
    CHECK(waited > 9min);
    CHECK(waited < 15min);
  }
}

TEST_CASE("a budget counts what lies within its window by the time that passed, though the clock is set back an hour") {
  for (const auto& jump : {set_back, restart_set_back}) {
    Rig rig(kRestartPlaybook,
            std::string(kHealYml).replace(std::string(kHealYml).find("attempts: 3"), 11, "attempts: 1"));
    const Alert alert = break_and_fire(rig);
    rig.run_to(IncidentState::kClosed);
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
    jump(rig);
    rig.clock.advance(30min);
    rig.engine->crash("nginx", 1);
    const auto reply = rig.post(Rig::group_of({rig.fire()}));
    REQUIRE(reply.has_value());
    // Not newest(): its name was made by a clock that is behind.
    const std::string id = reply->incidents.front();
    rig.run_until([&] { return rig.memory->incident(id).value()->times.decided_at.has_value(); });
    CHECK(rig.memory->incident(id).value()->reason == "budget_exhausted");
    CHECK(rig.changes().size() == 1);
    rig.clock.advance(31min);
    const auto history = rig.memory->value("target/container/local/nginx");
    REQUIRE(history.value().has_value());
    const auto known = parse_target_history(**history);
    REQUIRE(known.has_value());
    CHECK(known->attempts_since(rig.clock.now(), 1h) == 0);
  }
}

TEST_CASE("a clock that is set forward and put right again changes nothing for what came after") {
  Rig rig;
  rig.clock.set_now(rig.clock.now() + 1h);
  break_and_fire(rig);
  rig.run_to(IncidentState::kRecovered);
  rig.clock.set_now(rig.clock.now() - 1h);
  CHECK(time_to(rig, IncidentState::kClosed) < 1min);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("how long to wait is told by the time that passes, before anybody has noticed that the clock was set back") {
  FakeClock clock;
  ClockWatch watch(clock);
  const WallTime begin = clock.now();
  clock.set_now(begin - 1h);
  clock.advance(5s);
  CHECK(watch.now() == begin + 5s);
  CHECK(watch.set_back() == 1h);
  watch.taken();
  CHECK(watch.now() == clock.now());
  clock.set_now(begin + 2h);
  CHECK(watch.now() == begin + 2h);
}

}  // namespace
}  // namespace heal::remedy::test
