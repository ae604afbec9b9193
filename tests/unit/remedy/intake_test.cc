#include <future>

#include <catch2/catch.hpp>

#include "common/remedy/elapsed.h"
#include "common/remedy/target_history.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

Alert named(Rig& rig, const std::string& instance) {
  Alert alert = rig.fire();
  alert.labels["instance"] = instance;
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  rig.alertmanager->hold(active);
  return alert;
}

TEST_CASE("each alert's own status counts: its incident is resolved when the last of them is") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert one = named(rig, "one");
  const Alert two = named(rig, "two");
  const auto first = rig.post(Rig::group_of({one, two}));
  REQUIRE(first.has_value());
  CHECK(first->accepted == 2);
  REQUIRE(first->incidents.size() == 1);

  const auto partial = rig.post(Rig::group_of({rig.resolve(one), two}));
  REQUIRE(partial.has_value());
  CHECK(*partial == IngestReply{1, 1, first->incidents});
  CHECK(rig.memory->incident(first->incidents[0]).value()->times.resolved_at == std::nullopt);

  const auto rest = rig.post(Rig::group_of({rig.resolve(one), rig.resolve(two)}));
  REQUIRE(rest.has_value());
  CHECK(*rest == IngestReply{1, 1, first->incidents});
  CHECK(rig.memory->incident(first->incidents[0]).value()->times.resolved_at.has_value());
}

TEST_CASE("the Watchdog is a heartbeat: it is noted and nothing follows") {
  Rig rig;
  Alert watchdog = rig.fire();
  watchdog.labels = {{"alertname", "Watchdog"}};
  watchdog.fingerprint = fingerprint_of(watchdog.labels);
  const auto reply = rig.post(Rig::group_of({watchdog}));
  REQUIRE(reply.has_value());
  CHECK(*reply == IngestReply{0, 0, {}});
  CHECK(rig.incidents().empty());
  CHECK(rig.remedy_metrics.events.at({"alertmanager", "heartbeat"}).value() == 1);
  CHECK(rig.remedy_metrics.last_intake.value() == to_unix_seconds(rig.clock.now()));
}

TEST_CASE("several alerts of one target are one incident and one restart") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const auto reply = rig.post(Rig::group_of({named(rig, "one"), named(rig, "two"), named(rig, "three")}));
  REQUIRE(reply.has_value());
  CHECK(reply->accepted == 3);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a store that fails leaves nothing behind, nothing is done, and the same notification works later") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const AlertGroup group = Rig::group_of({rig.fire()});
  rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full"));
  for (int i = 0; i < 3; ++i) {
    const auto refused = rig.post(group);
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code() == ErrorCode::kStorage);
  }
  CHECK(rig.incidents().empty());
  CHECK(rig.memory->unresolved_episodes()->empty());
  CHECK(rig.engine->calls().empty());

  rig.store->fail_all(std::nullopt);
  const auto accepted = rig.post(group);
  REQUIRE(accepted.has_value());
  CHECK(accepted->accepted == 1);
  CHECK(accepted->duplicates == 0);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a resolve that the store refused is taken when it comes again") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kRecovered);
  const AlertGroup over = Rig::group_of({rig.resolve(alert)});
  rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full"));
  CHECK(!rig.post(over).has_value());
  CHECK(rig.newest().times.resolved_at == std::nullopt);
  rig.store->fail_all(std::nullopt);
  CHECK(rig.post(over)->accepted == 1);
  CHECK(rig.newest().times.resolved_at.has_value());
  CHECK(rig.post(over)->duplicates == 1);
}

TEST_CASE("nothing touches a container before the intent is durable") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  // The intake's commit goes through; whatever wants to follow does not.
  rig.store->on_commit(rig.store->commits() + 1, FailingStore::When::kAfter,
                       [&] { rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full")); });
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
  const auto commits = rig.store->commits();
  rig.run_until([&] { return rig.store->commits() > commits + 5; });
  CHECK(rig.changes().empty());
  CHECK(rig.newest().state == IncidentState::kReceived);
  rig.store->fail_all(std::nullopt);
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("late evidence of a fault that is healed starts nothing; evidence that began later does") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const WallTime then = rig.clock.now();
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const Incident healed = rig.run_to(IncidentState::kRecovered);

  SECTION("before it is closed") {}
  SECTION("after it is closed") {
    rig.run_to(IncidentState::kClosed);
  }
  Alert late = named(rig, "late");
  late.starts_at = then + 1ms;
  REQUIRE(late.starts_at <= *healed.times.verified_at);
  const auto reply = rig.post(Rig::group_of({late}));
  REQUIRE(reply.has_value());
  CHECK(*reply == IngestReply{1, 0, {healed.id}});
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.kinds(healed.id).back() == "late");

  if (rig.newest().state != IncidentState::kClosed) rig.run_to(IncidentState::kClosed);
  Alert fresh = named(rig, "fresh");
  fresh.starts_at = *healed.times.verified_at + 1ms;
  const auto begun = rig.post(Rig::group_of({fresh}));
  REQUIRE(begun.has_value());
  CHECK(begun->accepted == 1);
  CHECK(rig.incidents().size() == 2);
  CHECK(begun->incidents == std::vector<std::string>{rig.newest().id});
}

TEST_CASE("a new fault is healed, though Prometheus' clock says that it was before the last heal") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  SECTION("before it is closed") {}
  SECTION("after it is closed") {
    rig.run_to(IncidentState::kClosed);
  }
  rig.engine->crash("nginx", 1);
  rig.clock.advance(10min);
  Alert skewed = named(rig, "skewed");
  skewed.starts_at = *healed.times.verified_at - 3min;
  CHECK(rig.post(Rig::group_of({skewed})) == IngestReply{1, 0, {healed.id}});
  rig.run_until([&] { return rig.incidents().size() == 2; });
  CHECK(rig.run_to(IncidentState::kRecovered).id != healed.id);
  CHECK(rig.changes().size() == 2);
}

TEST_CASE("late evidence that is told again is looked at again") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const Incident healed = rig.run_to(IncidentState::kClosed);
  Alert skewed = named(rig, "skewed");
  skewed.starts_at = *healed.times.verified_at - 3min;
  CHECK(rig.post(Rig::group_of({skewed})) == IngestReply{1, 0, {healed.id}});
  CHECK(rig.post(Rig::group_of({skewed})) == IngestReply{0, 1, {}});
  rig.clock.advance(10min);
  rig.engine->crash("nginx", 1);
  CHECK(rig.post(Rig::group_of({skewed})) == IngestReply{1, 0, {healed.id}});
  rig.run_until([&] { return rig.incidents().size() == 2; });
}

TEST_CASE("evidence right after a heal lags behind when the target is well, and is a new fault when it is not") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert first = rig.fire();
  REQUIRE(rig.post(Rig::group_of({first})).has_value());
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  Alert fresh = named(rig, "fresh");
  fresh.starts_at = *healed.times.verified_at + 1ms;

  SECTION("well") {
    CHECK(*rig.post(Rig::group_of({fresh})) == IngestReply{1, 0, {healed.id}});
    rig.run_until([&] { return rig.incidents().size() == 2; });
    CHECK(rig.memory->incident(healed.id).value()->reason == "stayed_healthy");
    // It fires all the same: that is a question of its own, asked for as long as it does.
    CHECK(rig.newest().episode_keys == std::vector{episode_key(fresh)});
    CHECK(rig.run_to(IncidentState::kHeld).reason == "healthy");
    REQUIRE(rig.post(Rig::group_of({rig.resolve(fresh)})).has_value());
    CHECK(rig.newest().state == IncidentState::kStale);
  }
  SECTION("bad again") {
    rig.engine->crash("nginx", 1);
    CHECK(*rig.post(Rig::group_of({fresh})) == IngestReply{1, 0, {healed.id}});
    rig.run_until([&] { return rig.incidents().size() == 2; });
    const Incident failed = *rig.memory->incident(healed.id).value();
    CHECK(failed.state == IncidentState::kFailed);
    CHECK(failed.reason == "relapsed");
    CHECK(rig.newest().episode_keys == std::vector{episode_key(fresh)});
    CHECK(rig.memory->episode(episode_key(fresh)).value()->incident_id == rig.newest().id);
  }
  CHECK(rig.changes().size() == 1);
  // What went over to the new incident keeps the healed one waiting no longer.
  REQUIRE(rig.post(Rig::group_of({rig.resolve(first)})).has_value());
  CHECK(rig.memory->incident(healed.id).value()->times.resolved_at.has_value());
}

TEST_CASE("an incident is over when the alert that it keeps had resolved before the other one became a new incident") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  const Alert first = rig.fire();
  REQUIRE(rig.post(Rig::group_of({first})).has_value());
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  Alert fresh = named(rig, "fresh");
  fresh.starts_at = *healed.times.verified_at + 1ms;
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 1);
  const Alert over = rig.resolve(first);
  REQUIRE(rig.post(Rig::group_of({fresh, over})).has_value());
  rig.run_until([&] { return rig.incidents().size() == 2; });
  const Incident failed = *rig.memory->incident(healed.id).value();
  CHECK(failed.reason == "relapsed");
  CHECK(failed.times.resolved_at == over.ends_at);
}

TEST_CASE("an alert that resolves before anything was done makes its incident stale") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.engine->go_away();  // held: the engine cannot be asked
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.await([&] { return rig.newest().state == IncidentState::kHeld; });
  CHECK(rig.newest().reason == "engine_unavailable");
  CHECK(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  const Incident stale = rig.newest();
  CHECK(stale.state == IncidentState::kStale);
  CHECK(stale.reason == "alert_resolved");
  CHECK(stale.times.resolved_at == rig.clock.now());
  CHECK(rig.changes().empty());
}

TEST_CASE("a notification that cannot wait, or comes while the service stops, is refused for another try") {
  Rig rig;
  const AlertGroup group = Rig::group_of({rig.fire()});
  rig.stop();
  const auto late = rig.post(group);
  REQUIRE(!late.has_value());
  CHECK(late.error().code() == ErrorCode::kUnavailable);
  CHECK(late.error().str() == "the service is stopping");
  rig.coordinator = std::make_unique<Coordinator>(
      *rig.store, *rig.world, Tools{rig.clock, rig.random, rig.http, rig.dialer, rig.processes}, Logger::none(),
      rig.remedy_metrics, CoordinatorOptions{1, 0, nullptr});
  REQUIRE(rig.coordinator->start().has_value());
  const auto full = rig.post(group);
  REQUIRE(!full.has_value());
  CHECK(full.error().code() == ErrorCode::kUnavailable);
  CHECK(full.error().str() == "too many notifications are waiting");
  CHECK(rig.incidents().empty());
}

TEST_CASE("a resolve without its firing is kept, so that the firing that comes after it does nothing") {
  Rig rig;
  const Alert alert = rig.fire();
  const auto reply = rig.post(Rig::group_of({rig.resolve(alert)}));
  REQUIRE(reply.has_value());
  CHECK(*reply == IngestReply{1, 0, {}});
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {}});
  CHECK(rig.incidents().empty());
}

TEST_CASE("an incident was not detected before it failed: what says so tells nothing of when it failed") {
  Rig rig;
  const auto tell = [&](const std::string& instance, WallTime failed_at) {
    EventBatch batch = events_of(Rig::group_of({named(rig, instance)}));
    batch.events.front().facts.failed_at = failed_at;
    const auto reply = rig.tell(std::move(batch));
    REQUIRE(reply->accepted == 1);
    REQUIRE(rig.incidents().size() == 1);
    return rig.newest().times.failed_at;
  };
  std::promise<Result<Pause>> paused;
  rig.coordinator->pause({"all", "ann", "so that it stays open", {}, std::nullopt},
                         [&](Result<Pause> pause) { paused.set_value(std::move(pause)); });
  REQUIRE(paused.get_future().get().has_value());
  const WallTime detected = rig.clock.now();
  CHECK(tell("a", detected + 30s) == std::nullopt);
  rig.clock.advance(3s);
  CHECK(tell("b", detected + 2s) == std::nullopt);
  CHECK(rig.newest().times.time_to_detect() == std::nullopt);
  CHECK(tell("c", detected - 2s) == detected - 2s);
  CHECK(rig.newest().times.time_to_detect() == 2s);
}

TEST_CASE("an alert that no route took is answered when it comes again under files that route it") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  Alert alert = rig.fire();
  alert.labels["alertname"] = "Unrouted";
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  rig.alertmanager->hold(active);
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  CHECK(rig.newest().state == IncidentState::kUnmatched);
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {rig.newest().id}});
  rig.clock.advance(1s);
  auto other = std::make_shared<World>(*rig.world->get());
  other->loaded_at = rig.clock.now();
  for (auto& route : other->bundle.config.routes)
    route.match.clear();
  rig.world->set(std::shared_ptr<const World>(std::move(other)));
  CHECK(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.incidents().size() == 2);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("what was decided on evidence that the store kept waiting is asked again: it has resolved meanwhile") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.engine->forget_calls();
  // The notification is durable; everything after it is not, for minutes.
  rig.store->on_commit(rig.store->commits() + 1, FailingStore::When::kAfter,
                       [&] { rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full")); });
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  const auto wait = [&](Duration time) {
    rig.run_until([&, later = rig.clock.now() + time] { return rig.clock.now() >= later; });
  };
  wait(2min);
  rig.resolve(alert);  // Alertmanager holds it no more, and could not tell us
  wait(1min);
  rig.store->fail_all(std::nullopt);
  rig.run_until([&] { return rig.newest().state != IncidentState::kReceived; });
  CHECK(rig.newest().reason == "alert_absent");
  CHECK(rig.changes().empty());
}

TEST_CASE("an attempt of which nothing was begun uses up nothing") {
  // Its first step looks for itself before it acts: its intent comes after the decision.
  std::string text = kRestartPlaybook;
  text.replace(text.find("steps:\n"), 7, "steps:\n  - {name: limits, docker.update: {pids: 100}}\n");
  Rig rig(text);
  rig.engine->crash("nginx", 1);
  rig.engine->forget_calls();
  const Alert alert = rig.fire();
  // The decision is durable; the first step's intent is not, until it is too late for it.
  rig.store->on_commit(rig.store->commits() + 2, FailingStore::When::kAfter,
                       [&] { rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full")); });
  REQUIRE(rig.post(Rig::group_of({alert}))->accepted == 1);
  rig.await([&] { return rig.newest().state == IncidentState::kExecuting; });
  const WallTime later = rig.clock.now() + 2min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  rig.store->fail_all(std::nullopt);
  const WallTime then = rig.clock.now();
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(healed.attempt == 2);
  CHECK(rig.clock.now() - then < 1min);  // no cooldown in between
  CHECK(parse_target_history(*rig.memory->value("target/container/local/nginx").value())->attempts.size() == 1);
}

TEST_CASE("how long ago something was is told for every time that an alert may name") {
  const WallTime now{1'900'000'000s};
  CHECK(elapsed(now - 3s, now) == 3s);
  CHECK(elapsed(now + 3s, now) == 0s);
  CHECK(elapsed(WallTime::min(), now) == 100 * 365 * 24h);
  CHECK(elapsed(WallTime::max(), WallTime::min()) == 0s);
}

}  // namespace
}  // namespace heal::remedy::test
