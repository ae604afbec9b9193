#include "webhook/actuator/config.h"

#include <catch2/catch.hpp>

namespace heal::actuator {
namespace {

std::string problems(const std::string& text) {
  config::Diagnostics diagnostics;
  CHECK_FALSE(parse_actuator_config(text, "actuator.yml", diagnostics).has_value());
  return diagnostics.render();
}

TEST_CASE("a printed configuration reads back as the same") {
  const std::string text = R"(version: 1
allow:
  - verbs: [list, inspect]
    labels: {heal.enable: "true"}
  - verbs: [restart]
    labels: {heal.enable: "true", tier: "we\"b"}
    rate: {actions: 3, window: 10m}
  - verbs: [exec, update, recreate]
    labels: {heal.enable: "true"}
    programs: [/bin/reload]
protect: [one]
total: {actions: 9, window: 1h}
max_grace: 30s
show_environment: true
max_streams: 3
faults: {enabled: true, helper_image: "promheal:local", networks: [".*_web"], rate: {actions: 2, window: 1s}}
)";
  config::Diagnostics diagnostics;
  const auto config = parse_actuator_config(text, "actuator.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  CHECK(config->allow[1] == Rule{{Verb::kRestart}, {{"heal.enable", "true"}, {"tier", "we\"b"}}, {3, 10min}});
  CHECK(config->protect == std::vector<std::string>{"one"});
  CHECK(parse_actuator_config(print_config(*config), "printed", diagnostics) == config);
  CHECK(parse_actuator_config(print_config({}), "printed", diagnostics) == ActuatorConfig());
}

TEST_CASE("nothing given means nothing allowed") {
  config::Diagnostics diagnostics;
  const auto config = parse_actuator_config("version: 1\n", "actuator.yml", diagnostics);
  REQUIRE(config);
  CHECK(config->allow.empty());
  CHECK_FALSE(config->faults.enabled);
}

TEST_CASE("programs and the verb exec belong together") {
  CHECK(problems("version: 1\nallow:\n  - {verbs: [exec], labels: {a: b}}\n")
            .find("a rule with the verb exec needs \"programs\"") != std::string::npos);
  CHECK(problems("version: 1\nallow:\n  - {verbs: [stop], labels: {a: b}, programs: [/bin/x]}\n")
            .find("\"programs\" are for a rule with the verb exec") != std::string::npos);
  CHECK(problems("version: 1\nallow:\n  - {verbs: [exec], labels: {a: b}, programs: [reload]}\n")
            .find("an absolute path") != std::string::npos);
}

TEST_CASE("mistakes are named at their place") {
  CHECK(problems("version: 1\nallow:\n  - verbs: [restrat]\n    labels: {a: b}\n") ==
        "actuator.yml:3:13: error: item 1 of \"verbs\" must be one of list, events, inspect, logs, stats, wait, start, "
        "stop, restart, kill, pause, unpause, update, exec, recreate, not \"restrat\"\n"
        "      - verbs: [restrat]\n"
        "                ^\n"
        "hint: did you mean \"restart\"?\n");
  CHECK(problems("version: 1\nallow:\n  - verbs: [restart]\n    labels: {}\n") ==
        "actuator.yml:4:13: error: a rule needs at least one label: without one it would be for every container\n"
        "        labels: {}\n"
        "                ^\n");
  CHECK(
      problems("version: 1\nallow:\n  - verbs: []\n    labels: {a: b}\n").find("a rule without verbs allows nothing") !=
      std::string::npos);
  CHECK(problems("version: 1\nallow:\n  - verbs: [create]\n    labels: {a: b}\n").find("must be one of") !=
        std::string::npos);
  CHECK(problems("version: 1\nalow: []\n").find("did you mean \"allow\"?") != std::string::npos);
  CHECK(problems("version: 1\ntotal: {actions: 0, window: 1m}\n").find("from 1 to") != std::string::npos);
  CHECK(problems("version: 1\nfaults: {networks: ['(']}\n").find("networks") != std::string::npos);
  CHECK(problems("allow: []\n").find("version") != std::string::npos);
}

}  // namespace
}  // namespace heal::actuator
