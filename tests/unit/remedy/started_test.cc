// A container that the steps started and that dies by itself, while checks look elsewhere.
#include <algorithm>
#include <functional>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

const std::string kBlindChecks = "all: [{alert: resolved}]";

/// `steps` and `checks` as YAML flow.
std::string playbook_of(const std::string& steps, const std::string& checks = kBlindChecks) {
  return "version: 1\nplaybook: restart-container\nmode: auto\nsteps: " + steps +
         "\nverify: {within: 20s, consecutive: 2, interval: 1s, " + checks + "}\nstay_healthy: 10s\n";
}

void add_cache(Rig& rig) {
  rig.engine->add({.name = "cache", .labels = {{"heal.enable", "true"}}});
}

/// Heals nginx until its checks are asked, lets `happens` happen to it, and resolves its alert. Gives the incident's
/// end.
Incident end_of(Rig& rig, const std::function<void()>& happens) {
  add_cache(rig);
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kVerifying);
  rig.clock.advance(3s);
  happens();
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  CHECK(rig.incidents().size() == 1);
  return rig.newest();
}

const std::string kStart = "[{name: start, docker.start: {}}]";
const std::string kDied = "container/local/nginx was started and has ended with exit code 1 since";

TEST_CASE("a heal has not helped when the container that it started is dead, whatever the checks look at") {
  const auto steps = GENERATE(as<std::string>(), kStart, "[{name: restart, docker.restart: {}}]",
                              "[{name: anew, docker.recreate: {}}]",
                              "[{name: stop, docker.stop: {}}, {name: start, docker.start: {}}]",
                              "[{name: start, docker.start: {}}, {name: limit, docker.update: {pids: 100}}]",
                              "[{name: start, docker.start: {}}, {name: again, docker.start: {}, when: [{value: "
                              "target.name, is: nginx}]}]",
                              "[{name: start, docker.start: {}}, {name: other, docker.stop: {}, target: "
                              "container/local/cache}]");
  const auto checks = GENERATE(as<std::string>(), kBlindChecks, "any: [{alert: resolved}]",
                               "all: [{alert: resolved}, {container: running, target: container/local/db}]");
  CAPTURE(steps, checks);
  Rig rig(playbook_of(steps, checks));
  rig.engine->add({.name = "db", .labels = {{"heal.enable", "true"}}});
  const Incident ended = end_of(rig, [&] { rig.engine->crash("nginx", 1); });
  CHECK(ended.state == IncidentState::kFailed);
  CHECK(ended.reason == "not_verified");
  CHECK(ended.message == "it did not help: " + kDied);
}

TEST_CASE("a container that has ended as it was meant to does not speak against its heal") {
  struct Case {
    const char* what;
    std::string steps;
    std::string checks;
    std::int64_t exit_code;
  };
  const auto c = GENERATE(values<Case>({
      {"a job that is done", kStart, kBlindChecks, 0},
      {"a check that asks for it", kStart, "all: [{alert: resolved}, {container: exited}]", 1},
      {"steps that may have ended it",
       "[{name: start, docker.start: {}}, {name: end, command: {argv: [/bin/true-ish]}}]", kBlindChecks, 1},
      {"steps that start something else", "[{name: other, docker.start: {}, target: container/local/cache}]",
       kBlindChecks, 1},
      {"steps that may not have started it",
       "[{name: start, docker.start: {}, when: [{value: target.name, is: nginx}]}]", kBlindChecks, 1},
  }));
  CAPTURE(c.what);
  Rig rig(playbook_of(c.steps, c.checks));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0));
  const Incident ended = end_of(rig, [&] {
    if (rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->running()) rig.engine->crash("nginx", c.exit_code);
  });
  CHECK(ended.reason == "stayed_healthy");
}

TEST_CASE("a container that the steps started and that is gone has not been helped") {
  Rig rig(playbook_of(kStart));
  const Incident ended =
      end_of(rig, [&] { REQUIRE(rig.engine->remove("nginx", rig.clock.deadline_in(1s), {}).has_value()); });
  CHECK(ended.reason == "not_verified");
  CHECK(ended.message == "it did not help: container/local/nginx was started and does not exist any more");
}

TEST_CASE("a dead container beats checks that cannot be answered") {
  Rig rig(playbook_of(kStart, "all: [{alert: resolved}, {container: running, target: container/local/cache}]"));
  const Incident ended = end_of(rig, [&] {
    rig.engine->crash("nginx", 1);
    rig.engine->hide("cache", make_error(ErrorCode::kUnavailable, "hidden"));
  });
  CHECK(ended.reason == "not_verified");
  CHECK(ended.message == "it did not help: " + kDied);
}

TEST_CASE("an engine that hangs does not use up the time of the checks, and it is on record that it did not answer") {
  std::string playbook = playbook_of(kStart);
  playbook.replace(playbook.find("within: 20s, consecutive: 2"), 27, "within: 12s, consecutive: 7");
  Rig rig(playbook);
  const Incident ended = end_of(rig, [&] { rig.engine->set_delay("inspect", 1h); });
  CHECK(ended.reason == "stayed_healthy");
  const auto story = rig.timeline(ended.id);
  CHECK(std::any_of(story.begin(), story.end(), [](const TimelineEntry& entry) {
    return entry.kind == "verify" && entry.data.find("timed out") != std::string::npos;
  }));
}

TEST_CASE("an engine that is slower than the rounds are is waited for before the heal is verified") {
  std::string playbook = playbook_of(kStart);
  playbook.replace(playbook.find("interval: 1s"), 12, "interval: 100ms");
  Rig rig(playbook);
  const Incident ended = end_of(rig, [&] {
    rig.engine->crash("nginx", 1);
    rig.engine->set_delay("inspect", 500ms);
  });
  CHECK(ended.reason == "not_verified");
}

TEST_CASE("nothing speaks against what was never started: a run that was not gone on with after a restart") {
  Rig rig(playbook_of("[{name: first, command: {argv: [/bin/true-ish]}}, {name: start, docker.start: {}}]"));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  rig.kill();
  rig.resolve(alert);
  rig.start();
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  CHECK(rig.story().find("was started") == std::string::npos);
}

TEST_CASE("an engine that does not answer says nothing against a heal that its checks have proven") {
  Rig rig(playbook_of(kStart));
  const Incident ended = end_of(rig, [&] { rig.engine->go_away(); });
  CHECK(ended.reason == "stayed_healthy");
}

TEST_CASE("a container that the steps started and that dies after its heal was verified is bad again") {
  Rig rig(playbook_of(kStart));
  rig.engine->crash("nginx", 1);
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.run_to(IncidentState::kVerifying);
  REQUIRE(rig.post(Rig::group_of({rig.resolve(alert)})).has_value());
  rig.run_to(IncidentState::kRecovered);
  rig.engine->crash("nginx", 1);
  rig.run_until([&] { return is_terminal(rig.newest().state); });
  CHECK(rig.newest().reason == "relapsed");
  CHECK(rig.newest().message == "was healthy and is not any more: " + kDied);
}

}  // namespace
}  // namespace heal::remedy::test
