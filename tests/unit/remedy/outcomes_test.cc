#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/remedy/words.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// What heal_actions_total says has happened: `kind outcome count`.
std::set<std::string> counted(Rig& rig, const std::string& playbook = "restart-container") {
  std::set<std::string> out;
  for (const std::string kind : {"docker.inspect", "docker.restart", "docker.start", "docker.stop", "docker.recreate",
                                 "compose.restart", "command"}) {
    for (const std::string& outcome : words::action_outcomes()) {
      const double count = rig.remedy_metrics.actions.at({playbook, kind, outcome}).value();
      if (count != 0) out.insert(fmt::format("{} {} {}", kind, outcome, count));
    }
  }
  return out;
}
using Counts = std::set<std::string>;

std::string with_steps(const std::string& steps, const std::string& rest = "") {
  return "version: 1\nplaybook: restart-container\nmode: auto\nsteps:\n" + steps +
         "verify: {within: 5s, consecutive: 1, all: [{check: health}, {container: running}]}\nstay_healthy: 30s\n" +
         rest;
}

void answer(Rig& rig, const HttpAnswer& answer) {
  rig.http.on("GET", "http://nginx/healthz", [answer](const HttpClientRequest&) { return answer; });
}

void fire(Rig& rig) {
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1);
}

TEST_CASE("steps that ran are counted when their heal is verified, each once") {
  Rig rig;
  rig.engine->set_delay("restart", 10s);
  fire(rig);
  rig.await([&] { return !rig.changes().empty() && rig.clock.sleepers() > 0; });
  CHECK(counted(rig) == Counts{});  // inspected, but for what is not known yet
  rig.run_to(IncidentState::kRecovered);
  const Counts proven{"docker.inspect verified 1", "docker.restart verified 1"};
  CHECK(counted(rig) == proven);
  rig.run_to(IncidentState::kClosed);
  CHECK(counted(rig) == proven);
}

TEST_CASE("steps that ran and did not help ran unverified, and what undoes them is undone") {
  Rig rig(with_steps("  - {name: start, docker.start: {}, undo: inverse}\n"));
  answer(rig, HttpAnswer::of(500));
  fire(rig);
  rig.run_to(IncidentState::kFailed);
  CHECK(counted(rig) == Counts{"docker.start ran_unverified 1", "docker.stop undone 1"});
}

TEST_CASE("a step of a playbook whose verification could not be made ran unverified") {
  Rig rig(with_steps("  - {name: start, docker.start: {}}\n"));
  rig.engine->on_start([&](const ContainerInfo&) {
    answer(rig, HttpAnswer::of(200));
    rig.engine->go_away();
  });
  fire(rig);
  CHECK(rig.run_to(IncidentState::kFailed).reason == "verify_unknown");
  CHECK(counted(rig) == Counts{"docker.start ran_unverified 1"});
}

TEST_CASE("a further rung's steps are counted as its own, those before it as theirs") {
  Rig rig(with_steps("  - {name: ask, command: {argv: [/bin/true-ish]}}\n", "escalate: [start-it]\n"));
  rig.add_playbook(
      "version: 1\nplaybook: start-it\nmode: auto\nsteps: [{name: start, docker.start: {}}]\n"
      "verify: {within: 5s, consecutive: 1, all: [{check: health}]}\nstay_healthy: 30s\n");
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0));
  fire(rig);
  rig.run_to(IncidentState::kRecovered);
  CHECK(counted(rig) == Counts{"command ran_unverified 1"});
  CHECK(counted(rig, "start-it") == Counts{"docker.start verified 1"});
}

TEST_CASE("steps from before a kill are counted after it, once") {
  Rig rig;
  answer(rig, HttpAnswer::of(500));
  fire(rig);
  rig.run_to(IncidentState::kVerifying);
  rig.kill();
  CHECK(counted(rig) == Counts{});
  answer(rig, HttpAnswer::of(200));
  rig.start();
  rig.run_to(IncidentState::kRecovered);
  CHECK(counted(rig) == Counts{"docker.inspect verified 1", "docker.restart verified 1"});
}

TEST_CASE("a step that the actuator does not let pass is refused, each time that it is tried") {
  Rig rig;
  rig.engine->fail_next("restart", make_error(ErrorCode::kRefused, "verb restart is not allowed"));
  fire(rig);
  rig.run_to(IncidentState::kRecovered);
  CHECK(counted(rig) == Counts{"docker.inspect verified 1", "docker.restart refused 1", "docker.restart verified 1"});
}

TEST_CASE("a step that was refused after it had changed something has failed") {
  Rig rig(with_steps("  - {name: renew, docker.recreate: {}}\n"));
  rig.engine->fail_next("start", make_error(ErrorCode::kRefused, "verb start: too many calls"));
  fire(rig);
  const Incident incident = rig.run_to(IncidentState::kFailed);
  CHECK(counted(rig) == Counts{"docker.recreate failed 1"});
  const auto timeline = rig.timeline(incident.id);
  CHECK(std::none_of(timeline.begin(), timeline.end(),
                     [](const TimelineEntry& entry) { return entry.message.find(": refused:") != std::string::npos; }));
}

TEST_CASE("of several calls one that was refused is a failure, all of them a refusal") {
  Rig rig(with_steps("  - {name: all, compose.restart: {project: shop, grace: 1s}}\n"));
  for (const std::string name : {"cache", "queue"}) {
    rig.engine->add(
        {.name = name,
         .labels = {
             {"heal.enable", "true"}, {"com.docker.compose.project", "shop"}, {"com.docker.compose.service", name}}});
  }
  const Error refusal = make_error(ErrorCode::kRefused, "verb restart: too many calls");
  rig.engine->fail_next("restart", refusal);
  SECTION("one") {
    fire(rig);
    rig.run_to(IncidentState::kFailed);
    CHECK(counted(rig) == Counts{"compose.restart failed 1"});
  }
  SECTION("all") {
    rig.engine->fail_next("restart", refusal);
    fire(rig);
    rig.run_to(IncidentState::kFailed);
    CHECK(counted(rig) == Counts{"compose.restart refused 1"});
  }
}

TEST_CASE("a step that the lever keeps from being begun is refused; one whose condition is false is skipped") {
  Rig rig(
      with_steps("  - {name: start, docker.start: {}, when: [{value: target.name, is: nobody}]}\n"
                 "  - {name: slow, command: {argv: [/bin/true-ish]}}\n"
                 "  - {name: restart, docker.restart: {}}\n"));
  rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  fire(rig);
  rig.await([&] { return rig.processes.runs().size() == 1 && rig.clock.sleepers() > 0; });
  rig.coordinator->set_lever(LeverMove::kEngage, "ann", "wrong things", [](const Result<Lever>&) {});
  rig.run_to(IncidentState::kCancelled);
  CHECK(counted(rig) == Counts{"docker.start skipped 1", "command ran_unverified 1", "docker.restart refused 1"});
}

}  // namespace
}  // namespace heal::remedy::test
