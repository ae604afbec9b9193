#include <algorithm>
#include <atomic>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

std::string one_step(const std::string& step) {
  const std::string whole = kRestartPlaybook;
  return whole.substr(0, whole.find("steps:")) + "steps:\n  - name: only\n    " + step + "\n" +
         whole.substr(whole.find("verify:"));
}

bool has(const std::vector<std::string>& kinds, const std::string& kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

/// Ends the service while the step of `verb` runs, and starts it again.
void end_within(Rig& rig, const std::string& verb) {
  rig.engine->set_delay(verb, 10s);
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return !rig.changes().empty() && rig.clock.sleepers() > 0; });
  rig.kill();
  REQUIRE(rig.memory->open_steps()->size() == 1);
  rig.engine->set_delay(verb, 0s);
}

TEST_CASE("an open incident is known by its id, target and episodes after a restart") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.engine->go_away();
  const Alert alert = rig.fire();
  const auto reply = rig.post(Rig::group_of({alert}));
  REQUIRE(reply.has_value());
  rig.await([&] { return rig.newest().state == IncidentState::kHeld; });
  rig.kill();
  rig.start();
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, reply->incidents});
  Alert other = alert;
  other.labels["instance"] = "another";
  other.fingerprint = fingerprint_of(other.labels);
  CHECK(*rig.post(Rig::group_of({other})) == IngestReply{1, 0, reply->incidents});
  const auto manual = rig.heal({"restart-container", *rig.newest().target, {}, "someone"});
  REQUIRE(manual.has_value());
  CHECK(manual->kind == HealAnswer::Kind::kRefused);
  CHECK(manual->reason == "engine_unavailable");
  CHECK(rig.incidents().size() == 1);

  rig.engine->come_back();
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(healed.id == reply->incidents.front());
  CHECK(healed.episode_keys.size() == 2);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a notification that was accepted and not looked at before a kill is healed after it") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.store->on_commit(rig.store->commits() + 1, FailingStore::When::kAfter,
                       [&] { rig.store->fail_all(make_error(ErrorCode::kStorage, "killed")); });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.kill();
  REQUIRE(rig.newest().state == IncidentState::kReceived);
  rig.start();
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a heal that was verified is watched to its end after a restart") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident recovered = rig.run_to(IncidentState::kRecovered);
  rig.kill();
  rig.start();
  const Incident closed = rig.run_to(IncidentState::kClosed);
  CHECK(closed.id == recovered.id);
  CHECK(closed.reason == "stayed_healthy");
  CHECK(closed.times.verified_at == recovered.times.verified_at);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("on_unknown: halt leaves a half-done step to a human") {
  Rig rig(one_step("command: {argv: [/bin/true-ish]}\n    on_unknown: halt"));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  rig.kill();
  REQUIRE(rig.memory->open_steps()->size() == 1);
  rig.start();
  const Incident halted = rig.run_to(IncidentState::kInterrupted);
  CHECK(halted.reason == "outcome_unknown");
  CHECK(has(rig.kinds(halted.id), "step_unknown"));
  CHECK(rig.processes.runs().size() == 1);
  CHECK(rig.changes().empty());
}

TEST_CASE("a half-done step that nobody can ask about any more stays unknown, and is open no longer") {
  Rig rig;
  end_within(rig, "restart");
  REQUIRE(rig.memory->open_steps()->size() == 1);
  REQUIRE(rig.engine->remove("nginx", rig.clock.deadline_in(1s), {}));
  rig.engine->forget_calls();
  rig.start();
  const Incident halted = rig.run_to(IncidentState::kInterrupted);
  CHECK(halted.reason == "cannot_resume");
  CHECK(rig.memory->open_steps()->empty());
  const auto kinds = rig.kinds(halted.id);
  CHECK(std::count(kinds.begin(), kinds.end(), "step_unknown") == 1);
  CHECK(rig.remedy_metrics.actions.at({halted.playbook, "docker.restart", "unknown"}).value() == 1);
  CHECK(rig.changes().empty());
}

TEST_CASE("on_unknown: probe sees that the half-done restart happened and does not repeat it") {
  Rig rig;
  end_within(rig, "restart");
  // As a daemon that finished the call after its caller was gone.
  if (!rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->running())
    REQUIRE(rig.engine->start("nginx", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->forget_calls();
  rig.start();
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(has(rig.kinds(healed.id), "step_unknown"));
  CHECK(rig.changes().empty());
  CHECK(rig.memory->open_steps()->empty());
}

TEST_CASE("on_unknown: probe sees that nothing happened and tries again") {
  Rig rig;
  rig.engine->fail_next("restart", make_error(ErrorCode::kUnavailable, "the connection broke"));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 2);
  CHECK(healed.attempt == 1);
}

TEST_CASE("an answer that was lost is no reason to restart twice") {
  Rig rig;
  rig.engine->lose_answer_of_next("restart", make_error(ErrorCode::kUnavailable, "the connection broke"));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

/// Goes away with the first request for a restart, which it never sees.
class LosingEngine : public SimContainerEngine {
 public:
  using SimContainerEngine::SimContainerEngine;
  Status restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) override {
    if (has_lost_.exchange(true)) return SimContainerEngine::restart(container, grace, deadline, stop);
    go_away();
    return make_error(ErrorCode::kUnavailable, "the connection broke");
  }
  bool has_lost() const { return has_lost_; }

 private:
  std::atomic<bool> has_lost_{false};
};

TEST_CASE("an engine that went away with a request is asked again when it is back, and the step is tried again") {
  Rig rig;
  const auto engine = std::make_shared<LosingEngine>(rig.clock);
  SimContainer nginx;
  nginx.name = "nginx";
  nginx.labels = {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}};
  engine->add(nginx);
  rig.clock.advance(2min);
  rig.engine = engine;
  auto world = std::make_shared<World>(*rig.world->get());
  world->engines["local"] = engine;
  rig.world->set(std::shared_ptr<const World>(std::move(world)));
  engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  rig.run_until([&] { return engine->has_lost(); });
  rig.clock.advance(2s);
  engine->come_back();
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(healed.attempt == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("on_unknown: rerun repeats a half-done step that may be repeated") {
  Rig rig(one_step("docker.start: {}\n    on_unknown: rerun\n    retry: {attempts: 2, backoff: 1s}"));
  end_within(rig, "start");
  rig.start();
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(has(rig.kinds(healed.id), "step_unknown"));
  CHECK(rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->running());
  CHECK(rig.memory->open_steps()->empty());
}

/// A store whose next reads of an episode fail.
class UnreadableStore : public FailingStore {
 public:
  using FailingStore::FailingStore;
  Result<std::optional<Episode>> episode(const std::string& key) override {
    if (failures.fetch_sub(1) > 0) return make_error(ErrorCode::kStorage, "cannot read");
    return FailingStore::episode(key);
  }
  std::atomic<int> failures{0};
};

TEST_CASE("a half-done heal whose episode cannot be read at the start is taken up when it can") {
  Rig rig;
  rig.engine->set_delay("restart", 10s);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.await([&] { return !rig.changes().empty(); });
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);  // only the store knows it from now on
  rig.kill();
  rig.engine->set_delay("restart", 0s);
  const auto unreadable = std::make_shared<UnreadableStore>(rig.memory);
  unreadable->failures = 2;
  rig.store = unreadable;
  rig.start();
  rig.run_to(IncidentState::kRecovered);
  CHECK(unreadable->failures <= 0);
  CHECK(rig.memory->open_steps()->empty());
}

TEST_CASE("a half-done heal of a playbook that has changed since is not continued") {
  Rig rig;
  end_within(rig, "restart");
  rig.engine->forget_calls();
  auto changed = std::make_shared<World>(*rig.world->get());
  auto& book = changed->bundle.playbooks.at("restart-container");
  book.stay_healthy = 31s;
  rig.world->set(std::shared_ptr<const World>(std::move(changed)));
  rig.start();
  const Incident halted = rig.run_to(IncidentState::kInterrupted);
  CHECK(halted.reason == "plan_changed");
  CHECK(rig.changes().empty());
}

TEST_CASE("a clock that was set back while the service was down makes nobody wait") {
  Rig rig;
  const bool is_half_done = GENERATE(true, false);
  if (is_half_done) end_within(rig, "restart");
  rig.engine->go_away();
  if (is_half_done) {
    rig.start();
  } else {
    rig.engine->come_back();
    rig.engine->crash("nginx", 1);
    const Alert alert = rig.fire();
    rig.engine->go_away();
    REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  }
  const auto waits = [&] {
    const auto open = rig.memory->open_incidents().value();
    const auto progress = rig.memory->value(progress_key(open.front().id)).value();
    return progress && parse_progress(*progress)->wake_at.has_value();
  };
  rig.run_until(waits);
  rig.kill();
  rig.clock.set_now(rig.clock.now() - 1h);
  rig.engine->come_back();
  rig.start();
  const SteadyTime then = rig.clock.steady_now();
  rig.run_until([&] {
    const auto state = rig.newest().state;
    return state != IncidentState::kExecuting && state != IncidentState::kHeld;
  });
  CHECK(rig.clock.steady_now() - then <= (is_half_done ? 30s : 90s));
}

}  // namespace
}  // namespace heal::remedy::test
