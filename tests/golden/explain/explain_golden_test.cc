#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>

#include <catch2/catch.hpp>

#include "heal_test_paths.h"
#include "tests/unit/remedy/rig.h"
#include "webhook/explain.h"

// Whole answers to "why did it act, or not?". `HEAL_UPDATE_GOLDEN=1 golden_explain` writes them anew: read the
// difference before you keep it.

namespace heal::remedy::test {
namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ':' || c == '-' || c == '.';
}

/// What differs from run to run, or from release to release of a playbook's hash, under a name of its own.
std::string stand_in(const std::string& word) {
  if (word.size() == 26 && word.find_first_of("abcdefghijklmnopqrstuvwxyz:-.") == std::string::npos) return "<id>";
  if (word.size() == 64 && word.find_first_not_of("0123456789abcdef") == std::string::npos) return "<hash>";
  const bool is_time = word.size() > 19 && word[4] == '-' && word[10] == 'T' && word[13] == ':';
  return is_time ? "<time>" : word;
}

std::string without_moments(const std::string& text) {
  std::string out, word;
  for (const char c : text + "\n") {
    if (is_word(c)) {
      word += c;
      continue;
    }
    out += stand_in(word) + c;
    word.clear();
  }
  out.pop_back();
  return out;
}

void check_golden(const std::string& name, const std::string& text) {
  CAPTURE(name);
  const std::string path = std::string(HEAL_SOURCE_DIR) + "/tests/golden/explain/" + name + ".txt";
  const std::string shown = without_moments(text);
  if (std::getenv("HEAL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << shown;
  std::ifstream file(path);
  std::ostringstream expected;
  expected << file.rdbuf();
  CHECK(shown == expected.str());
}

std::string explained(Rig& rig) {
  const Incident incident = rig.newest();
  return webhook::explain_incident(incident, rig.timeline(incident.id));
}

/// A human was called, and has all that he is told.
Incident run_to_human(Rig& rig) {
  Incident escalated = rig.run_to(IncidentState::kEscalated);
  rig.run_until([&] {
    const auto kinds = rig.kinds(escalated.id);
    return std::find(kinds.begin(), kinds.end(), "page") != kinds.end();
  });
  return escalated;
}

void break_it(Rig& rig) {
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 137);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST_CASE("why it acted, and whether it helped") {
  Rig rig;
  break_it(rig);
  rig.run_to(IncidentState::kClosed);
  check_golden("healed", explained(rig));
}

TEST_CASE("why it waits: a person has paused healing") {
  Rig rig;
  std::promise<void> paused;
  rig.coordinator->pause({"release", "ann", "release 12", {}, {}}, [&](const auto&) { paused.set_value(); });
  paused.get_future().wait();
  break_it(rig);
  rig.run_to(IncidentState::kHeld);
  check_golden("paused", explained(rig));
}

TEST_CASE("why it waits: the notification left alerts out, and nobody knows how many of its group are unhealthy") {
  Rig rig;
  for (const std::string name : {"web1", "web2", "web3"}) {
    SimContainer web;
    web.name = name;
    web.labels = {{"heal.enable", "true"}, {"heal.group", "web"}, {"heal.health", "http://" + name + "/healthz"}};
    rig.engine->add(web);
    rig.http.on("GET", "http://" + name + "/healthz", [name](const HttpClientRequest&) {
      if (name != "web1") return HttpAnswer::of(200, "ok");
      return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
    });
  }
  rig.clock.advance(1s);
  rig.engine->crash("web1", 137);
  AlertGroup group = Rig::group_of({rig.fire("web1")});
  group.group_key = R"({}:{alertname="NginxDown"})";
  group.truncated_alerts = 7;
  REQUIRE(rig.post(group).has_value());
  rig.run_to(IncidentState::kHeld);
  check_golden("truncated", explained(rig));
}

TEST_CASE("why it did not act: the budget is used up, and after that the breaker is open") {
  Rig rig(kRestartPlaybook, changed(kHealYml, "cooldown: 5m", "cooldown: off"));
  for (int i = 0; i < 3; ++i) {
    break_it(rig);
    rig.run_to(IncidentState::kClosed);
  }
  break_it(rig);
  rig.run_to(IncidentState::kHeld);
  check_golden("budget", explained(rig));
  rig.run_until([&] { return rig.newest().reason == "breaker_open"; });
  check_golden("breaker", explained(rig));
}

TEST_CASE("why it did not act: there was nothing left to heal") {
  Rig rig;
  rig.clock.advance(1s);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.run_to(IncidentState::kHeld);
  check_golden("healthy", explained(rig));
  const Alert over = rig.resolve(rig.fire());
  rig.clock.advance(500ms);  // before the guards are asked again
  Alert first = over;
  first.starts_at = rig.memory->episodes_of(rig.newest().id).value().front().starts_at;
  REQUIRE(rig.post(Rig::group_of({first})).has_value());
  rig.run_to(IncidentState::kStale);
  check_golden("resolved", explained(rig));
}

TEST_CASE("why it did not act: no route takes this alert, or its target is not to be touched") {
  Rig rig;
  Alert alert = rig.fire();
  alert.labels["alertname"] = "SomethingElse";
  alert.fingerprint = fingerprint_of(alert.labels);
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kUnmatched);
  check_golden("no_route", explained(rig));
  REQUIRE(rig.post(Rig::group_of({rig.fire("nobody")})).has_value());
  rig.run_until([&] { return rig.newest().reason == "not_in_inventory"; });
  check_golden("not_in_inventory", explained(rig));
}

TEST_CASE("why it did not act: shadow mode") {
  Rig rig(changed(kRestartPlaybook, "mode: auto", "mode: shadow"));
  break_it(rig);
  rig.run_to(IncidentState::kClosed);
  check_golden("shadow", explained(rig));
}

/// A heal that does not help, and is a human's then.
const std::string kHelpless = R"(version: 1
playbook: restart-container
summary: Give a container that has stopped other limits.
mode: auto
steps:
  - name: limit
    docker.update: {memory: 64MiB}
verify:
  within: 5s
  consecutive: 1
  all: [{check: health}]
stay_healthy: 30s
escalate: [page]
)";

TEST_CASE("why a human was called, and how that ended") {
  Rig rig(kHelpless);
  const Alert alert = rig.fire();
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 137);
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const Incident escalated = run_to_human(rig);
  check_golden("escalated", explained(rig));
  SECTION("its alert resolves") {
    REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
    rig.run_to(IncidentState::kClosed);
    check_golden("escalated_resolved", explained(rig));
  }
  SECTION("somebody closes it") {
    REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, escalated.id, "ann", "", "replaced the disk"}).has_value());
    check_golden("escalated_cancelled", explained(rig));
  }
  SECTION("nobody closes it") {
    rig.clock.advance(8 * 24h);
    rig.run_to(IncidentState::kClosed);
    check_golden("escalated_expired", explained(rig));
  }
}

TEST_CASE("why no human was called about a drill, and how that ended") {
  Rig rig(kHelpless);
  const Alert alert = rig.fire();
  rig.inject();
  rig.engine->crash("nginx", 137);
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  run_to_human(rig);
  check_golden("drill", explained(rig));
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  rig.run_to(IncidentState::kClosed);
  check_golden("drill_resolved", explained(rig));
}

TEST_CASE("why a human was called: it was well for a short time only") {
  Rig rig(std::string(kRestartPlaybook) + "escalate: [page]\n");
  break_it(rig);
  rig.run_to(IncidentState::kRecovered);
  rig.engine->crash("nginx", 137);
  const Incident escalated = run_to_human(rig);
  check_golden("relapsed", explained(rig));
  REQUIRE(rig.operate({OperatorRequest::Verb::kCancel, escalated.id, "ann", "", ""}).has_value());
  check_golden("relapsed_cancelled", explained(rig));
}

TEST_CASE("why a human was called: nothing was left to try, and nothing was done") {
  Rig rig(std::string(kRestartPlaybook) + "escalate: [page]\n", changed(kHealYml, "cooldown: 5m", "cooldown: off"));
  for (int i = 0; i < 3; ++i) {
    break_it(rig);
    rig.run_to(IncidentState::kClosed);
  }
  break_it(rig);
  run_to_human(rig);
  check_golden("budget_exhausted", explained(rig));
}

TEST_CASE("why a human was called: nobody knows what a step has done") {
  Rig rig(
      changed(kHelpless, "docker.update: {memory: 64MiB}", "command: {argv: [/bin/true-ish]}\n    on_unknown: halt"));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  break_it(rig);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  rig.kill();
  rig.start();
  run_to_human(rig);
  check_golden("outcome_unknown", explained(rig));
}

TEST_CASE("why it waits: the lever") {
  Rig rig;
  std::promise<void> engaged;
  rig.coordinator->set_lever(LeverMove::kEngage, "ann", "release 12", [&](const auto&) { engaged.set_value(); });
  engaged.get_future().wait();
  break_it(rig);
  rig.run_to(IncidentState::kHeld);
  check_golden("lever", explained(rig));
}

TEST_CASE("why it did not act: the alert never came") {
  Rig rig;
  const auto world = rig.world->get();
  check_golden("never_came",
               webhook::explain_unseen(world->bundle.config, {{"alertname", "NginxDown"}}, rig.clock.now()) +
                   webhook::explain_unseen(world->bundle.config, {{"alertname", "DiskFull"}}, {}) +
                   webhook::explain_unseen({}, {{"alertname", "DiskFull"}}, {}));
}

}  // namespace
}  // namespace heal::remedy::test
