// A further rung, for a target that steps of the incident have started and that died again.
#include <algorithm>
#include <functional>

#include <catch2/catch.hpp>

#include "common/remedy/target_history.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

const std::string kStart = "[{name: start, docker.start: {}}]";
const std::string kBlind = "all: [{container: running, target: container/local/cache}]";
const std::string kNever = "all: [{container: running, target: container/local/db}]";  // nothing starts db
const std::string kLadder = "escalate: [again, page]\n";

std::string book(const std::string& name, const std::string& steps, const std::string& checks,
                 const std::string& more = "", const std::string& mode = "auto") {
  return "version: 1\nplaybook: " + name + "\nmode: " + mode + "\nsteps: " + steps +
         "\nverify: {within: 20s, consecutive: 2, interval: 1s, " + checks + "}\nstay_healthy: 10s\n" + more;
}

void add(Rig& rig, const std::string& name) {
  rig.engine->add({.name = name, .labels = {{"heal.enable", "true"}}});
}

/// nginx has been started by the first rung, and is dead again. Gives its alert.
Alert dead_again(Rig& rig) {
  add(rig, "cache");
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kVerifying);
  rig.engine->crash("nginx", 1);
  return alert;
}

/// nginx has been started by the first rung, which goes by kNever. Gives its alert.
Alert runs_and_is_not_verified(Rig& rig) {
  add(rig, "cache");
  add(rig, "db");
  rig.engine->crash("db", 1);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kVerifying);
  return alert;
}

Incident end_of(Rig& rig) {
  rig.run_until([&] { return is_terminal(rig.newest().state) || rig.newest().state == IncidentState::kEscalated; });
  return rig.newest();
}

bool is_known_to_be_well(Rig& rig) {
  const auto history = parse_target_history(*rig.memory->value("target/container/local/nginx").value());
  return history.value().healthy_since.has_value();
}

std::size_t starts(Rig& rig) {
  const auto changes = rig.changes();
  return static_cast<std::size_t>(
      std::count_if(changes.begin(), changes.end(), [](const SimEngineCall& call) { return call.verb == "start"; }));
}

TEST_CASE("a further rung acts on a target that is dead again, though the alert has resolved, whatever was checked") {
  const auto checks = GENERATE_COPY(as<std::string>(), kBlind, "all: [{container: running}]", "all: [{check: health}]");
  CAPTURE(checks);
  Rig rig(book("restart-container", kStart, checks, kLadder));
  rig.add_playbook(book("again", kStart, checks));
  const Alert alert = dead_again(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(end_of(rig).reason == "stayed_healthy");
  CHECK(rig.newest().playbook == "again");
  CHECK(starts(rig) == 2);
}

TEST_CASE("a human is called when what the steps started died again, although the alert has resolved") {
  Rig rig(book("restart-container", kStart, kBlind, kLadder));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0));
  rig.add_playbook(book("again", "[{name: first, command: {argv: [/bin/true-ish]}}]", "all: [{container: running}]"));
  const Alert alert = dead_again(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(end_of(rig).state == IncidentState::kEscalated);
  CHECK(rig.processes.runs().size() == 1);
}

TEST_CASE("a further rung acts on a container that died again, although Docker's own evidence of it is over") {
  Rig rig(book("restart-container", kStart, kBlind, kLadder),
          std::string(kHealYml) + "  - match: ['source=\"docker\"']\n    playbook: restart-container\n");
  rig.add_playbook(book("again", kStart, kBlind));
  add(rig, "cache");
  rig.engine->crash("nginx", 1);
  SourceEvent death = rig.death();
  REQUIRE(rig.tell({"docker", "", "", 0, {death}}).has_value());
  rig.run_to(IncidentState::kVerifying);
  death.kind = SourceEvent::Kind::kResolved;
  death.ends_at = rig.clock.now();
  REQUIRE(rig.tell({"docker", "", "", 0, {death}}).has_value());
  rig.engine->crash("nginx", 1);
  CHECK(end_of(rig).reason == "stayed_healthy");
  CHECK(rig.newest().playbook == "again");
  CHECK(starts(rig) == 2);
}

TEST_CASE("a further rung leaves alone what runs again when the alert has resolved") {
  Rig rig(book("restart-container", kStart, kNever, kLadder));
  rig.add_playbook(book("again", kStart, kBlind));
  const Alert alert = runs_and_is_not_verified(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  end_of(rig);
  CHECK(rig.story().find("alert_absent") != std::string::npos);
  CHECK(starts(rig) == 1);
}

TEST_CASE(
    "a further rung is held by a silence, and by an Alertmanager that cannot be asked, though its target is dead") {
  Rig rig(book("restart-container", kStart, kBlind, kLadder));
  rig.add_playbook(book("again", kStart, kBlind));
  const Alert alert = dead_again(rig);
  std::string reason;
  SECTION("silenced") {
    rig.silence(alert);
    reason = "silenced";
  }
  SECTION("away") {
    rig.alertmanager->set_status(make_error(ErrorCode::kUnavailable, "connection refused"));
    reason = "alertmanager_unavailable";
  }
  rig.run_until([&] { return rig.newest().reason == reason; });
  CHECK(rig.newest().state == IncidentState::kHeld);
  CHECK(starts(rig) == 1);
}

TEST_CASE("a further rung that nobody agrees to is passed over, and a human is called") {
  Rig rig(book("restart-container", kStart, kBlind, kLadder));
  rig.add_playbook(book("again", kStart, kBlind, "", "approve"));
  const Alert alert = dead_again(rig);
  rig.run_to(IncidentState::kAwaitingApproval);
  SECTION("while the alert fires") {
    CHECK(end_of(rig).state == IncidentState::kEscalated);
    CHECK(rig.newest().reason == "approval_expired");
  }
  SECTION("unless the alert has been silenced") {
    rig.silence(alert);
    rig.run_until([&] { return rig.newest().state != IncidentState::kAwaitingApproval; });
    CHECK(rig.newest().state == IncidentState::kHeld);
    CHECK(rig.newest().reason == "silenced");
  }
  SECTION("unless the alert resolves") {
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
    CHECK(end_of(rig).state == IncidentState::kStale);
    CHECK_FALSE(is_known_to_be_well(rig));
  }
  CHECK(starts(rig) == 1);
}

TEST_CASE("what a person ends while a further rung is held is not started when the alert is gone") {
  Rig rig(book("restart-container", kStart, kNever, kLadder));
  rig.add_playbook(book("again", kStart, kBlind));
  const Alert alert = runs_and_is_not_verified(rig);
  rig.silence(alert);
  rig.run_until([&] { return rig.newest().reason == "silenced"; });
  REQUIRE(rig.engine->stop("nginx", 1s, rig.clock.deadline_in(5s), {}).has_value());
  rig.alertmanager->forget(alert.labels);
  rig.run_until([&] { return rig.newest().reason != "silenced"; });
  CHECK(rig.newest().reason == "alert_absent");
  CHECK(starts(rig) == 1);
}

TEST_CASE("a further rung ends where nobody can be asked and every source has said that it is over") {
  Rig rig(book("restart-container", kStart, kNever, kLadder));
  rig.add_playbook(book("again", kStart, kBlind));
  const Alert alert = runs_and_is_not_verified(rig);
  rig.forget_alertmanagers();
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  end_of(rig);
  CHECK(rig.story().find("alert_absent") != std::string::npos);
  CHECK(starts(rig) == 1);
}

TEST_CASE("what a rung has ended on purpose is not dead for the next one") {
  Rig rig(book("restart-container", kStart, kBlind, "escalate: [isolate, again, page]\n"));
  add(rig, "db");
  rig.engine->crash("db", 1);
  rig.add_playbook(book("isolate", "[{name: start, docker.start: {}}, {name: stop, docker.stop: {}}]", kNever));
  rig.add_playbook(book("again", kStart, kBlind));
  const Alert alert = dead_again(rig);
  rig.run_until([&] { return rig.newest().playbook == "isolate" && rig.newest().state == IncidentState::kVerifying; });
  const auto before = starts(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  end_of(rig);
  CHECK(rig.newest().playbook == "again");
  CHECK(rig.story().find("alert_absent") != std::string::npos);
  CHECK(starts(rig) == before);
}

TEST_CASE("a target that was found dead is not known to be well because its alert has resolved") {
  Rig rig(book("restart-container", kStart, kBlind));
  const Alert alert = dead_again(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(end_of(rig).reason == "not_verified");
  CHECK_FALSE(is_known_to_be_well(rig));
}

TEST_CASE("where there is no Alertmanager, a further rung goes by what the checks and the engine say") {
  const bool is_dead = GENERATE(true, false);
  CAPTURE(is_dead);
  const std::string checks = "all: [{container: running}, {container: running, target: container/local/cache}]";
  Rig rig(book("restart-container", kStart, checks, kLadder),
          std::string(kHealYml) + "  - match: ['source=\"docker\"']\n    playbook: restart-container\n");
  rig.add_playbook(book("again", kStart, "all: [{container: running}]"));
  rig.forget_alertmanagers();
  add(rig, "cache");
  rig.engine->crash("cache", 1);
  rig.engine->crash("nginx", 1);
  SourceEvent death = rig.death();
  REQUIRE(rig.tell({"docker", "", "", 0, {death}}).has_value());
  rig.run_to(IncidentState::kVerifying);
  death.kind = SourceEvent::Kind::kResolved;
  death.ends_at = rig.clock.now();
  REQUIRE(rig.tell({"docker", "", "", 0, {death}}).has_value());
  if (is_dead) rig.engine->crash("nginx", 1);
  end_of(rig);
  CHECK(rig.newest().playbook == "again");
  CHECK(starts(rig) == (is_dead ? 2 : 1));
}

TEST_CASE("no further rung that ends without a proof makes a dead target known to be well") {
  Rig rig(book("restart-container", kStart, kBlind, "escalate: [again]\n"));
  rig.add_playbook(book("again", kStart, kBlind, "guards: {budget: {attempts: 1, window: 1h}}\n"));
  const Alert alert = dead_again(rig);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(end_of(rig).reason == "budget_exhausted");
  CHECK_FALSE(is_known_to_be_well(rig));
}

/// A heal that has held and waits for its alert, to run on_resolved. Gives the alert.
Alert held_heal(Rig& rig) {
  rig.add_playbook(book("again", kStart, kBlind));
  add(rig, "cache");
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_until([&] { return rig.newest().reason == "waits_for_resolve"; });
  rig.clock.advance(24h);
  return alert;
}

const std::string kOnResolved = kLadder +
                                "on_resolved:\n  check: [{container: running, target: container/local/cache}]\n"
                                "  within: 1m\n"
                                "  steps: [{name: back, docker.stop: {}, target: container/local/cache}]\n";

TEST_CASE("whoever ends the target after the heal has held is not healed against, and on_resolved runs") {
  Rig rig(book("restart-container", kStart, kBlind, kOnResolved));
  const Alert alert = held_heal(rig);
  rig.engine->crash("nginx", 143);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  CHECK(end_of(rig).state == IncidentState::kClosed);
  CHECK(starts(rig) == 1);
  CHECK(rig.changes().back().verb == "stop");
}

TEST_CASE("a death that Docker tells of after the heal has held makes it bad again") {
  Rig rig(book("restart-container", kStart, kBlind, kOnResolved),
          std::string(kHealYml) + "  - match: ['source=\"docker\"']\n    playbook: restart-container\n");
  (void)held_heal(rig);
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.tell({"docker", "", "", 0, {rig.death()}}).has_value());
  rig.run_until([&] { return rig.newest().playbook == "again" && rig.newest().state == IncidentState::kRecovered; });
  CHECK(starts(rig) == 2);
}

TEST_CASE("what another incident's steps end while a heal is watched is not told as died") {
  std::string yml = kHealYml;
  yml += "  - match: ['alertname=\"Other\"']\n    playbook: isolate\n    target: container/local/cache\n";
  Rig rig(book("restart-container", kStart, kBlind, kLadder), yml);
  add(rig, "cache");
  rig.add_playbook(book("again", kStart, kBlind));
  rig.add_playbook(book("isolate", "[{name: stop, docker.stop: {}, target: container/local/nginx}]", kBlind));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kRecovered);
  Alert other = alert;
  other.labels = {{"alertname", "Other"}, {"container", "cache"}};
  other.starts_at = rig.clock.now();
  other.fingerprint = fingerprint_of(other.labels);
  ActiveAlert active;
  active.alert = other;
  active.state = "active";
  rig.alertmanager->hold(active);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert), other})).has_value());
  rig.run_until([&] {
    const auto all = rig.incidents();
    return std::all_of(all.begin(), all.end(), [](const Incident& i) { return is_terminal(i.state); });
  });
  for (const Incident& incident : rig.incidents())
    CHECK(incident.reason == "stayed_healthy");
  CHECK(rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->status == "exited");
}

}  // namespace
}  // namespace heal::remedy::test
