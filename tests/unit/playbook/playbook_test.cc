#include "common/playbook/playbook.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

std::optional<Playbook> parse(const std::string& text, std::string& problems) {
  config::Diagnostics diagnostics;
  auto out = parse_playbook(text, "p.yml", GuardSettings(), diagnostics);
  problems = diagnostics.render();
  return out;
}

Playbook parse(const std::string& text) {
  std::string problems;
  auto out = parse(text, problems);
  INFO(problems);
  REQUIRE(problems.empty());
  return std::move(*out);
}

const std::string kHead = "version: 1\nplaybook: p\nmode: auto\nverify: {all: [{check: health}]}\nsteps:\n";

TEST_CASE("a playbook is read with every default of its kinds") {
  const auto playbook = parse(kHead + "  - {name: a, docker.restart: {}}\n");
  Playbook expected;
  expected.name = "p";
  expected.mode = Mode::kAuto;
  expected.file = "p.yml";
  expected.name_span = {"p.yml", 2, 11};
  expected.text = kHead + "  - {name: a, docker.restart: {}}\n";
  StepSpec step;
  step.name = "a";
  step.kind = "docker.restart";
  step.timeout = 30s;
  step.on_unknown = OnUnknown::kProbe;
  step.span = {"p.yml", 6, 5};
  expected.steps = {step};
  expected.verify.emplace();
  expected.verify->checks.resize(1);
  expected.verify->checks[0].span = {"p.yml", 4, 16};
  REQUIRE(playbook == expected);
}

TEST_CASE("mode is shadow when it is left out, and that is said") {
  std::string problems;
  const auto playbook = parse(
      "version: 1\nplaybook: p\nverify: {all: [{check: health}]}\nsteps: [{name: a, docker.start: {}}]\n", problems);
  REQUIRE(playbook->mode == Mode::kShadow);
  REQUIRE(problems ==
          "p.yml:1:1: warning: \"mode\" is not given, so nothing will be done: it is shadow\n    version: 1\n    ^\n"
          "hint: write mode: shadow, approve or auto\n");
}

TEST_CASE("guards are heal.yml's defaults with the playbook's changes") {
  GuardSettings defaults;
  defaults.cooldown.period = 2min;
  config::Diagnostics diagnostics;
  const auto playbook = parse_playbook(kHead + "  - {name: a, docker.start: {}}\nguards: {budget: {attempts: 9}}\n",
                                       "p.yml", defaults, diagnostics);
  GuardSettings expected = defaults;
  expected.budget.attempts = 9;
  REQUIRE(playbook->guards == expected);
}

TEST_CASE("one wrong line of a playbook gives the place, the reason and a suggestion") {
  std::string problems;
  REQUIRE_FALSE(parse(kHead + "  - name: a\n    docker.restrat: {}\n", problems));
  REQUIRE(problems ==
          "p.yml:7:5: error: unknown step kind \"docker.restrat\"\n"
          "        docker.restrat: {}\n"
          "        ^\n"
          "hint: did you mean \"docker.restart\"?\n");
}

TEST_CASE("every kind declares what crash recovery and planning need") {
  struct Row {
    std::string name;
    Idempotence idempotence;
    Effect effect;
    OnUnknown on_unknown;
    bool operator==(const Row&) const = default;
  };
  std::vector<Row> rows;
  for (const auto& kind : step_kinds()) {
    rows.push_back({kind.name, kind.idempotence, kind.effect, kind.on_unknown});
    // What could do something twice is never repeated unless its file says how to find out.
    REQUIRE((kind.on_unknown != OnUnknown::kRerun || kind.idempotence == Idempotence::kIdempotent));
  }
  using I = Idempotence;
  REQUIRE(rows == std::vector<Row>{{"docker.inspect", I::kIdempotent, Effect::kReads, OnUnknown::kRerun},
                                   {"docker.logs", I::kIdempotent, Effect::kReads, OnUnknown::kRerun},
                                   {"docker.start", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"docker.stop", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"docker.restart", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"docker.kill", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"docker.pause", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"docker.unpause", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"docker.exec", I::kNotIdempotent, Effect::kChanges, OnUnknown::kHalt},
                                   {"docker.update", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"docker.recreate", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"compose.start", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"compose.stop", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"compose.restart", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"ansible.playbook", I::kNotIdempotent, Effect::kChanges, OnUnknown::kHalt},
                                   {"haproxy.server", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"command", I::kNotIdempotent, Effect::kChanges, OnUnknown::kHalt},
                                   {"process.signal", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"systemd.unit", I::kNotIdempotent, Effect::kChanges, OnUnknown::kProbe},
                                   {"host.drop_caches", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"http.request", I::kNotIdempotent, Effect::kChanges, OnUnknown::kHalt},
                                   {"wait.http", I::kIdempotent, Effect::kReads, OnUnknown::kRerun},
                                   {"wait.tcp", I::kIdempotent, Effect::kReads, OnUnknown::kRerun},
                                   {"wait.promql", I::kIdempotent, Effect::kReads, OnUnknown::kRerun},
                                   {"alertmanager.silence", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"alertmanager.alert", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"notify.email", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"notify.webhook", I::kIdempotent, Effect::kChanges, OnUnknown::kRerun},
                                   {"assert", I::kIdempotent, Effect::kReads, OnUnknown::kRerun}});
}

TEST_CASE("conditions may use the outputs of earlier steps only") {
  std::string problems;
  const auto text = kHead +
                    "  - {name: a, when: [{value: steps.b.status, is: x}], docker.start: {}}\n"
                    "  - {name: b, docker.inspect: {}}\n"
                    "  - {name: c, when: [{value: steps.b.status, is: exited}], docker.start: {}}\n";
  REQUIRE_FALSE(parse(text, problems));
  REQUIRE(problems ==
          "p.yml:6:30: error: steps.b.status names no step before this one\n"
          "      - {name: a, when: [{value: steps.b.status, is: x}], docker.start: {}}\n"
          "                                 ^\n");
}

TEST_CASE("a step must be able to outlive the grace that it gives") {
  std::string problems;
  REQUIRE_FALSE(parse(kHead + "  - {name: a, docker.stop: {grace: 1m}}\n", problems));
  REQUIRE(problems ==
          "p.yml:6:28: error: the step's timeout 30s is not longer than its grace 1m\n"
          "      - {name: a, docker.stop: {grace: 1m}}\n"
          "                               ^\n"
          "hint: the container may take the whole grace to stop: give the step a longer timeout\n");
}

TEST_CASE("files of secrets are named in the playbook itself, once per header") {
  config::Diagnostics diagnostics;
  parse_playbook(
      "version: 1\nplaybook: p\nmode: auto\nsteps:\n"
      "  - name: h\n"
      "    http.request: {url: \"http://api/\", headers: {Accept: a}, headers_files: {X-A: \"/run/{{ labels.x }}\", "
      "accept: /run/a}}\n",
      "p.yml", GuardSettings(), diagnostics);
  const std::string text = diagnostics.render();
  INFO(text);
  CHECK(text.find("the file of header \"X-A\" must be a path without {{ }}") != std::string::npos);
  CHECK(text.find("header \"Accept\" stands in \"headers\" and in \"headers_files\"") != std::string::npos);
}

}  // namespace
}  // namespace heal::playbook
