#include <string>

#include <catch2/catch.hpp>

#include "common/playbook/plan.h"

// What a playbook says about failure and about the end of the alerts: undo, approval, escalate, on_resolved.

namespace heal::playbook {
namespace {

const std::string kFewestLines = "version: 1\nplaybook: p\nmode: auto\nverify: {all: [{container: running}]}\n";

std::optional<Playbook> parse_with(const std::string& rest, std::string& problems) {
  config::Diagnostics diagnostics;
  auto out = parse_playbook(kFewestLines + rest, "p.yml", GuardSettings(), diagnostics);
  problems = diagnostics.render();
  return out;
}

Plan plan_of(const std::string& rest) {
  std::string problems;
  const auto book = parse_with(rest, problems);
  INFO(problems);
  REQUIRE(book);
  config::Diagnostics diagnostics;
  const auto config = parse_heal_config("version: 1\nengines: {local: {unix: /s}}\n", "heal.yml", diagnostics);
  REQUIRE(config);
  PlanInput input;
  input.target.id = {"container", "local", "web"};
  auto plan = make_plan(*config, *book, input);
  REQUIRE(plan.has_value());
  return std::move(*plan);
}

/// The first line of what is wrong.
std::string problem(const std::string& rest) {
  std::string problems;
  (void)parse_with(rest, problems);
  return problems.substr(0, problems.find('\n'));
}

TEST_CASE("the undo is part of the plan: of its hash and of its explanation") {
  const Plan plain = plan_of("steps:\n  - {name: a, docker.stop: {}}\n");
  const Plan undone = plan_of("steps:\n  - {name: a, docker.stop: {}, undo: inverse}\n");
  const Plan spelled = plan_of("steps:\n  - {name: a, docker.stop: {}, undo: {docker.restart: {}}}\n");
  CHECK(plain.hash != undone.hash);
  CHECK(undone.hash != spelled.hash);
  REQUIRE(undone.steps[0].undo.size() == 1);
  CHECK(undone.steps[0].undo[0].kind == "docker.start");
  CHECK(undone.steps[0].undo[0].target == undone.target);
  CHECK(explain(undone).find("undo docker.start container/local/web (timeout 30s, after a crash: rerun)") !=
        std::string::npos);
}

TEST_CASE("the ladder and on_resolved are part of the plan's hash, the approval is not") {
  const std::string steps = "steps:\n  - {name: a, docker.start: {}}\n";
  const Plan plain = plan_of(steps);
  CHECK(plain.hash != plan_of(steps + "escalate: [page]\n").hash);
  CHECK(plain.hash != plan_of(steps + "on_failure: keep\n").hash);
  CHECK(plain.hash != plan_of(steps + "on_resolved: [{name: b, docker.stop: {}}]\n").hash);
  CHECK(plain.hash == plan_of(steps + "escalate: []\non_resolved: []\n").hash);
}

TEST_CASE("what cannot be undone is refused where it is written") {
  CHECK(problem("steps:\n  - {name: a, docker.restart: {}, undo: inverse}\n") ==
        "p.yml:6:41: error: docker.restart has no inverse");
  CHECK(problem("steps:\n  - {name: a, docker.stop: {}, undo: {docker.inspect: {}}}\n") ==
        "p.yml:6:38: error: docker.inspect undoes nothing");
  CHECK(problem("steps:\n  - {name: a, docker.stop: {}, on_unknown: undo}\n") ==
        "p.yml:6:44: error: \"on_unknown: undo\" needs an \"undo\" in the step");
  CHECK(problem("steps:\n  - {name: a, docker.stop: {}}\nescalate: [page, other]\n") ==
        "p.yml:7:12: error: a human is the last rung: nothing comes after \"page\"");
}

}  // namespace
}  // namespace heal::playbook
