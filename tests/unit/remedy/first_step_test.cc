#include <algorithm>
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/remedy/rig.h"

// The decision to act and the intent of the first step become durable together.

namespace heal::remedy::test {
namespace {

std::string restart_only() {
  const std::string whole = kRestartPlaybook;
  return whole.substr(0, whole.find("steps:")) +
         "steps:\n  - {name: only, docker.restart: {grace: 5s}, on_unknown: halt}\n" +
         whole.substr(whole.find("verify:"));
}

TEST_CASE("one commit makes the decision and the first step's intent durable, and nothing is touched before it") {
  Rig rig(restart_only());
  rig.engine->crash("nginx", 1);
  std::vector<SimEngineCall> before, after;
  IncidentState state{};
  std::vector<OpenStep> steps;
  const auto intake = rig.store->commits() + 1;
  rig.store->on_commit(intake + 1, FailingStore::When::kBefore, [&] { before = rig.changes(); });
  rig.store->on_commit(intake + 1, FailingStore::When::kAfter, [&] {
    after = rig.changes();
    state = rig.newest().state;
    steps = rig.memory->open_steps().value();
  });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(before.empty());
  CHECK(after.empty());
  CHECK(state == IncidentState::kExecuting);
  REQUIRE(steps.size() == 1);
  CHECK(steps.front().step_id == "1/0/only/1");
  CHECK(steps.front().data.find("\"status\":\"exited\"") != std::string::npos);
  CHECK(rig.changes().size() == 1);
  CHECK(healed.times.acted_at.has_value());
}

TEST_CASE("a service that stops between the decision and its first step begins nothing and leaves nothing half-done") {
  Rig rig(restart_only());
  rig.engine->crash("nginx", 1);
  std::thread stopping;
  std::atomic<bool> is_stopping = false;
  rig.store->on_commit(rig.store->commits() + 2, FailingStore::When::kAfter, [&] {
    stopping = std::thread([&] { rig.coordinator->stop(10s); });
    while (rig.coordinator->is_accepting())
      std::this_thread::yield();
    is_stopping.store(true);
  });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return is_stopping.load(); });
  stopping.join();
  CHECK(rig.changes().empty());
  CHECK(rig.memory->open_steps()->empty());
  CHECK(rig.newest().state != IncidentState::kInterrupted);
  rig.kill();
  rig.start();
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a store that took too long between the decision and the first step has the guards asked again") {
  Rig rig(restart_only());
  rig.engine->crash("nginx", 1);
  rig.store->on_commit(rig.store->commits() + 2, FailingStore::When::kAfter, [&] { rig.clock.advance(31s); });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(healed.attempt == 2);
  CHECK(rig.changes().size() == 1);
}

Alert numbered(Rig& rig, std::size_t number) {
  Alert alert = rig.fire();
  alert.labels["instance"] = fmt::format("{:05}", number);
  alert.fingerprint = fmt::format("{:016x}", number);
  return alert;
}

TEST_CASE("the document of an incident does not grow with a storm; its episodes are all there, after a restart too") {
  constexpr std::size_t kAlerts = 3 * kMostEpisodeKeys;
  Rig rig;
  rig.engine->go_away();
  std::vector<Alert> alerts;
  for (std::size_t n = 0; n < kAlerts; ++n)
    alerts.push_back(numbered(rig, n));
  for (std::size_t n = 0; n < kAlerts; n += 100) {
    const auto end = std::min(n + 100, kAlerts);
    const std::vector<Alert> some(alerts.begin() + static_cast<std::ptrdiff_t>(n),
                                  alerts.begin() + static_cast<std::ptrdiff_t>(end));
    REQUIRE(rig.post(Rig::group_of(some))->accepted == end - n);
  }
  REQUIRE(rig.incidents().size() == 1);
  const Incident storm = rig.newest();
  CHECK(storm.episode_keys.size() == kMostEpisodeKeys);
  CHECK(storm.episode_keys.front() == episode_key(alerts.front()));
  CHECK(storm.episode_keys.back() == episode_key(alerts.back()));
  CHECK(rig.memory->episodes_of(storm.id)->size() == kAlerts);

  rig.kill();
  rig.start();
  std::vector<Alert> all_but_one;
  for (std::size_t n = 1; n < kAlerts; ++n)
    all_but_one.push_back(rig.resolve(alerts[n]));
  REQUIRE(rig.post(Rig::group_of(all_but_one))->accepted == kAlerts - 1);
  CHECK(rig.newest().times.resolved_at == std::nullopt);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alerts.front())}))->accepted == 1);
  CHECK(rig.newest().times.resolved_at.has_value());
}

}  // namespace
}  // namespace heal::remedy::test
