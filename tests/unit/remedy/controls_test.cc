#include <future>

#include <catch2/catch.hpp>

#include "tests/support/waiting.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

template <typename T>
Result<T> wait_for(const std::function<void(std::function<void(Result<T>)>)>& ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

Result<Pause> pause(Rig& rig, const std::string& name, const std::string& by,
                    std::optional<WallTime> until = std::nullopt) {
  return wait_for<Pause>([&](auto done) { rig.coordinator->pause({name, by, "because", {}, until}, done); });
}
Result<Pause> resume(Rig& rig, const std::string& name, const std::string& by) {
  return wait_for<Pause>([&](auto done) { rig.coordinator->end_pause(name, by, done); });
}
Result<Lever> move_lever(Rig& rig, LeverMove move) {
  return wait_for<Lever>([&](auto done) { rig.coordinator->set_lever(move, "ann", "fire", done); });
}
Result<std::vector<Breaker>> reset(Rig& rig, const BreakerChoice& choice) {
  return wait_for<std::vector<Breaker>>(
      [&](auto done) { rig.coordinator->reset_breakers(choice, "ann", "the disk was full", done); });
}

void break_and_tell(Rig& rig, const std::string& container = "nginx") {
  rig.clock.advance(1s);
  rig.engine->crash(container, 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire(container)})).has_value());
}

Incident of(Rig& rig, const std::string& container) {
  for (const auto& incident : rig.incidents()) {
    if (incident.target && incident.target->name == container) return incident;
  }
  FAIL("no incident of " << container);
  return {};
}

std::string with(const std::string& yml, const std::string& more) {
  std::string text = yml;
  return text.replace(text.find("cooldown: 5m"), 12, more);
}

/// Containers web1 … of group web, each with a health check that answers while it runs.
void add_web(Rig& rig, int count) {
  for (int i = 1; i <= count; ++i) {
    SimContainer web;
    web.name = "web" + std::to_string(i);
    web.labels = {{"heal.enable", "true"}, {"heal.group", "web"}, {"heal.health", "http://" + web.name + "/healthz"}};
    rig.engine->add(web);
    rig.http.on("GET", "http://" + web.name + "/healthz", [&rig, name = web.name](const HttpClientRequest&) {
      const auto info = rig.engine->inspect(name, rig.clock.deadline_in(1s), {});
      if (info.has_value() && info->running()) return HttpAnswer::of(200, "ok");
      return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
    });
  }
  rig.clock.advance(1min);
}

std::vector<std::string> service_journal(Rig& rig) {
  std::vector<std::string> out;
  for (const auto& entry : rig.timeline(""))
    out.push_back(entry.kind + ": " + entry.message);
  return out;
}

TEST_CASE("the storm brake counts targets within its window, each once, and those that a notification left out") {
  const WallTime now{1'900'000'000s};
  Controls controls;
  controls.note_incident("a", now - 4min);
  controls.note_incident("b", now - 3min);
  controls.note_incident("a", now - 1min);
  CHECK(controls.recent_targets(now, 5min) == 2);
  CHECK(controls.recent_targets(now, 2min) == 1);
  controls.commit(now);
  controls.note_incident("c", now);
  controls.note_incident("b", now);
  controls.edit().truncations["g"] = {"g", "r", 7, now};
  CHECK(controls.recent_targets(now, 2min) == 3 + 7);
  controls.rollback();
  CHECK(controls.recent_targets(now, 2min) == 1);
  controls.edit().truncations["g"] = {"g", "r", 3, now - 4min};
  controls.edit().truncations["h"] = {"h", "r", 5, now - 3min, /*is_over=*/true};
  CHECK(controls.recent_targets(now, 5min) == 2 + 5);
  CHECK(controls.recent_targets(now, 2min) == 1);
  for (int i = 0; i < 20'000; ++i)
    controls.note_incident("x" + std::to_string(i), now);
  controls.commit(now);
  CHECK(controls.recent_targets(now, 1min) == 10'000);
  controls.commit(now + 24h);
  CHECK(controls.recent_targets(now + 24h, 24h) == 0);
}

TEST_CASE("two pausers, one resumes: still paused; the last one sets healing going at once") {
  Rig rig;
  REQUIRE(pause(rig, "release", "ann").has_value());
  REQUIRE(pause(rig, "backup", "bob").has_value());
  break_and_tell(rig);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "paused");
  REQUIRE(resume(rig, "release", "ann").has_value());
  rig.clock.advance(10min);
  rig.await([&] { return rig.newest().message.find("bob (backup)") != std::string::npos; });
  CHECK(rig.newest().state == IncidentState::kHeld);
  CHECK(rig.changes().empty());
  REQUIRE(resume(rig, "backup", "bob").has_value());
  const WallTime resumed = rig.clock.now();
  CHECK(*rig.run_to(IncidentState::kRecovered).times.acted_at < resumed + 30s);
  CHECK(service_journal(rig) ==
        std::vector<std::string>{"paused: ann paused (release): because", "paused: bob paused (backup): because",
                                 "resumed: ann ended the pause release of ann; 1 other(s) in force",
                                 "resumed: bob ended the pause backup of bob; 0 other(s) in force"});
}

TEST_CASE("a pause is known again after a restart, and ends at its time") {
  Rig rig;
  const WallTime until = rig.clock.now() + 20min;
  REQUIRE(pause(rig, "release", "ann", until).has_value());
  rig.kill();
  rig.start();
  CHECK(rig.coordinator->controls()->pauses.at("release").until == until);
  break_and_tell(rig);
  const Incident healed = rig.run_to(IncidentState::kRecovered);
  CHECK(*healed.times.acted_at >= until);
}

TEST_CASE("a pause that makes no sense is refused with the reason") {
  Rig rig;
  CHECK(pause(rig, "", "ann").error().code() == ErrorCode::kInvalid);
  CHECK(pause(rig, "a/b", "ann").error().code() == ErrorCode::kInvalid);
  CHECK(pause(rig, "late", "ann", rig.clock.now()).error().code() == ErrorCode::kInvalid);
  CHECK(resume(rig, "nobody", "ann").error().code() == ErrorCode::kNotFound);
  REQUIRE(pause(rig, "release", "ann").has_value());
  const auto taken = pause(rig, "release", "bob");
  CHECK(taken.error().code() == ErrorCode::kConflict);
  CHECK(taken.error().message() == "ann holds a pause release already: because");
  CHECK(pause(rig, "release", "ann", rig.clock.now() + 1h).has_value());
  CHECK(rig.coordinator->controls()->pauses.size() == 1);
}

TEST_CASE("a pause that the store refuses is not in force") {
  Rig rig;
  rig.store->fail_all(make_error(ErrorCode::kStorage, "disk full"));
  CHECK(pause(rig, "release", "ann").error().code() == ErrorCode::kStorage);
  CHECK(rig.coordinator->controls()->pauses.empty());
}

TEST_CASE("an engaged lever holds what comes, refuses what a person asks, and survives a restart") {
  Rig rig;
  REQUIRE(move_lever(rig, LeverMove::kEngage).has_value());
  rig.kill();
  rig.start();
  CHECK(rig.coordinator->lever_objection() == "ann engaged the emergency lever: fire");
  HealRequest request;
  request.playbook = "restart-container";
  request.target = {"container", "local", "nginx"};
  request.by = "bob";
  const auto answer = rig.heal(request);
  REQUIRE(answer.has_value());
  CHECK(answer->kind == HealAnswer::Kind::kRefused);
  CHECK(answer->reason == "lever_engaged");
  break_and_tell(rig);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "lever_engaged");
  CHECK(rig.changes().empty());
  REQUIRE(move_lever(rig, LeverMove::kRelease).has_value());
  CHECK(!rig.coordinator->lever_objection());
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("incidents on too many targets at once hold everything until it was quiet for the cooldown") {
  Rig rig(kRestartPlaybook, std::string(kHealYml) + "storm: {incidents: 2, window: 1m, cooldown: 10m}\n");
  add_web(rig, 3);
  std::vector<Alert> alerts;
  for (const char* name : {"web1", "web2", "web3"}) {
    rig.engine->crash(name, 1);
    alerts.push_back(rig.fire(name));
  }
  const WallTime broken = rig.clock.now();
  REQUIRE(rig.post(Rig::group_of(alerts)).has_value());
  rig.run_until([&] {
    const auto all = rig.incidents();
    return std::all_of(all.begin(), all.end(), [](const Incident& i) { return i.reason == "storm"; });
  });
  CHECK(rig.changes().empty());
  CHECK(rig.coordinator->controls()->storm == Storm{broken, broken + 10min, 3});
  rig.kill();
  rig.start();
  CHECK(rig.coordinator->controls()->storm->is_active(rig.clock.now()));
  // One more in the storm waits too, and makes it longer no more: three of one minute ago are over.
  rig.clock.advance(5min);
  break_and_tell(rig);
  rig.await([&] { return of(rig, "nginx").reason == "storm"; });
  CHECK(rig.coordinator->controls()->storm->until == broken + 10min);
  rig.run_until([&] { return of(rig, "nginx").state == IncidentState::kRecovered; });
  CHECK(*of(rig, "nginx").times.acted_at >= broken + 10min);
}

TEST_CASE("many alerts of one target are no storm") {
  Rig rig(kRestartPlaybook, std::string(kHealYml) + "storm: {incidents: 1, window: 1m, cooldown: 10m}\n");
  for (int i = 0; i < 3; ++i) {
    break_and_tell(rig);
    rig.run_until([&] { return rig.newest().state != IncidentState::kReceived; });
  }
  CHECK(!rig.coordinator->controls()->storm);
}

TEST_CASE("one of a group is healed at a time, and the end of one heal begins the next") {
  Rig rig(kRestartPlaybook, with(kHealYml, "population: {max_unhealthy: {percent: 75}}"));
  add_web(rig, 4);
  std::vector<Alert> alerts;
  for (const char* name : {"web1", "web2", "web3"}) {
    rig.engine->crash(name, 1);
    alerts.push_back(rig.fire(name));
  }
  REQUIRE(rig.post(Rig::group_of(alerts)).has_value());
  std::size_t most = 0;
  rig.run_until([&] {
    std::size_t running = 0, recovered = 0;
    for (const auto& incident : rig.incidents()) {
      if (is_in_flight(incident.state)) ++running;
      if (incident.state == IncidentState::kRecovered || incident.state == IncidentState::kClosed) ++recovered;
    }
    most = std::max(most, running);
    return recovered == 3;
  });
  CHECK(most == 1);
  CHECK(rig.changes().size() == 3);
}

TEST_CASE("too many unhealthy members hold the heal, until enough of them are healthy again") {
  Rig rig;
  add_web(rig, 3);
  rig.engine->crash("web2", 1);
  break_and_tell(rig, "web1");
  rig.await([&] { return of(rig, "web1").reason == "too_many_unhealthy"; });
  CHECK(of(rig, "web1").message == "2 of 3 members of group web are unhealthy or being healed; 1 may be");
  rig.clock.advance(2min);
  rig.await([] { return heal::test::all_others_sleep(); });
  CHECK(rig.changes().empty());
  REQUIRE(rig.engine->start("web2", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->forget_calls();
  rig.run_until([&] { return of(rig, "web1").state == IncidentState::kRecovered; });
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a population guard refuses a group that has no members, or no name") {
  Rig rig(kRestartPlaybook,
          with(kHealYml, "population: {group: \"{{ labels.group }}\", max_unhealthy: {percent: 50}}"));
  rig.engine->crash("nginx", 1);
  Alert alert = rig.fire();
  SECTION("whose group nobody belongs to is refused") {
    alert.labels["group"] = "typo";
    alert.fingerprint = fingerprint_of(alert.labels);
    ActiveAlert active;
    active.alert = alert;
    active.state = "active";
    rig.alertmanager->hold(active);
    REQUIRE(rig.post(Rig::group_of({alert})).has_value());
    CHECK(rig.run_to(IncidentState::kHeld).reason == "population_empty");
  }
  SECTION("whose group has no name has no plan") {
    REQUIRE(rig.post(Rig::group_of({alert})).has_value());
    CHECK(rig.run_to(IncidentState::kSuppressed).reason == "plan_invalid");
  }
  CHECK(rig.changes().empty());
}

TEST_CASE("an alert that blocks is waited for, and asked of Alertmanager") {
  Rig rig(kRestartPlaybook, with(kHealYml, "blocking_alerts: ['alertname=~\"NetworkDown|NginxDown\", site=\"\"']"));
  ActiveAlert network;
  network.alert.labels = {{"alertname", "NetworkDown"}};
  network.state = "active";
  rig.alertmanager->hold(network);
  break_and_tell(rig);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "blocking_alert");
  CHECK(rig.changes().empty());
  rig.alertmanager->forget(network.alert.labels);
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

/// Breaks and heals nginx until the budget is used up and the breaker opens.
void open_the_breaker(Rig& rig) {
  for (int i = 0; i < 3; ++i) {
    break_and_tell(rig);
    rig.run_to(IncidentState::kClosed);
  }
  break_and_tell(rig);
  rig.run_until([&] { return rig.newest().reason == "breaker_open"; });
  REQUIRE(rig.coordinator->controls()->breakers.size() == 1);
}

TEST_CASE("a used-up budget opens the breaker, which only a person closes, by name") {
  Rig rig(kRestartPlaybook, with(kHealYml, "cooldown: off"));
  open_the_breaker(rig);
  const Incident opened = rig.newest();
  CHECK(rig.kinds(opened.id).end() != std::find(rig.kinds(opened.id).begin(), rig.kinds(opened.id).end(), "breaker"));
  rig.kill();
  rig.start();
  rig.clock.advance(3h);  // the budget's window is over, the target is still broken
  break_and_tell(rig);
  CHECK(rig.run_to(IncidentState::kHeld).reason == "breaker_open");
  CHECK(rig.changes().size() == 3);
  CHECK(reset(rig, {"", "", BreakerChoice::Which::kMatching}).error().code() == ErrorCode::kInvalid);
  CHECK(reset(rig, {"another", "", BreakerChoice::Which::kMatching}).error().code() == ErrorCode::kNotFound);
  const auto closed = reset(rig, {"restart-container", "", BreakerChoice::Which::kMatching});
  REQUIRE(closed.has_value());
  CHECK(closed->front().incident_id == opened.id);
  CHECK(service_journal(rig).back() ==
        "breaker_reset: ann reset the breaker of playbook restart-container on container/local/nginx: the disk was "
        "full");
  rig.run_to(IncidentState::kRecovered);  // who waited is asked about again at once
  CHECK(rig.changes().size() == 4);
  rig.kill();
  rig.start();
  CHECK(rig.coordinator->controls()->breakers.empty());
}

TEST_CASE("a breaker closes by itself for a new problem: the target was healthy for long enough before it") {
  Rig rig(kRestartPlaybook, with(kHealYml, "cooldown: off"));
  open_the_breaker(rig);
  // Somebody repairs it by hand, and Alertmanager tells that it is over.
  REQUIRE(rig.engine->start("nginx", rig.clock.deadline_in(1s), {}).has_value());
  Alert over = rig.fire();
  over.starts_at = rig.memory->episodes_of(rig.newest().id).value().front().starts_at;
  REQUIRE(rig.post(Rig::group_of({rig.resolve(over)})).has_value());
  SECTION("too soon") {
    rig.clock.advance(59min);
    break_and_tell(rig);
    CHECK(rig.run_to(IncidentState::kHeld).reason == "breaker_open");
    CHECK(rig.coordinator->controls()->breakers.size() == 1);
  }
  SECTION("long enough") {
    rig.clock.advance(61min);
    break_and_tell(rig);
    rig.run_to(IncidentState::kRecovered);
    CHECK(rig.coordinator->controls()->breakers.empty());
    CHECK(service_journal(rig).back() ==
          "breaker_reset: breaker of playbook restart-container on container/local/nginx closes: the target was "
          "healthy for 1h01m: this is a new problem, the breaker closes");
  }
}

TEST_CASE("a target that flaps for a day is healed a few times, and then left to a person") {
  Rig rig(kRestartPlaybook, with(kHealYml, "cooldown: off\n    flap: {heals: 4, window: 12h}") + "storm: off\n");
  const WallTime begin = rig.clock.now();
  while (rig.clock.now() < begin + 24h) {
    break_and_tell(rig);
    rig.run_until([&] { return is_terminal(rig.newest().state) || rig.newest().reason == "breaker_open"; });
    rig.clock.advance(40min);
    REQUIRE(rig.engine->start("nginx", rig.clock.deadline_in(1s), {}).has_value());
    rig.engine->forget_calls();
  }
  std::size_t acted = 0;
  for (const auto& incident : rig.incidents()) {
    if (incident.times.acted_at) ++acted;
  }
  CHECK(acted == 4);
  const auto breakers = rig.coordinator->controls()->breakers;
  REQUIRE(breakers.size() == 1);
  CHECK(breakers.begin()->second.reason == "flapping");
}

TEST_CASE("a clock that is set back an hour makes no cooldown longer than it is") {
  Rig rig;
  break_and_tell(rig);
  rig.run_to(IncidentState::kRecovered);
  break_and_tell(rig);
  REQUIRE(rig.run_to(IncidentState::kHeld).reason == "cooldown");
  rig.await([&] { return rig.clock.next_wake() && *rig.clock.next_wake() < rig.clock.steady_now() + 6min; });
  rig.clock.set_now(rig.clock.now() - 1h);
  const SteadyTime before = rig.clock.steady_now();
  rig.run_until([&] { return rig.changes().size() == 2; });
  CHECK(rig.clock.steady_now() - before < 6min);
}

}  // namespace
}  // namespace heal::remedy::test
