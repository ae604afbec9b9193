#include <set>

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "common/playbook/alert_rules.h"
#include "common/playbook/bundle.h"
#include "common/playbook/lint.h"
#include "common/rehearsal/run.h"
#include "common/sim/fake_clock.h"
#include "heal_test_paths.h"

namespace heal::rehearsal {
namespace {

TEST_CASE("every playbook of the demo and of the showcase is tested, and every test passes") {
  FakeClock watch;
  for (const char* shipped : {"config/production", "config/fast", "showcase/heal"}) {
    const std::string folder = std::string(HEAL_SOURCE_DIR) + "/compose/" + shipped;
    const auto loaded = playbook::load(folder + "/heal.yml", playbook::NamedFiles::kMayBeElsewhere);
    INFO(loaded.diagnostics.render());
    REQUIRE(loaded.bundle);
    std::set<std::string> tested;
    const auto files = config::expand_paths({folder + "/tests"}, ".");
    REQUIRE(files.has_value());
    for (const std::string& file : *files) {
      config::Diagnostics diagnostics;
      const auto tests = parse_test_file(config::read_text_file(file).value(), file, diagnostics);
      INFO(diagnostics.render());
      REQUIRE(tests);
      for (const TestCase& test : tests->tests) {
        const TestResult result = run_test(*loaded.bundle, test, watch, {});
        INFO(result.name << "\n" << explain(result));
        CHECK(result.passed());
        for (const auto& incident : result.seen.incidents)
          tested.insert(incident.playbook);
      }
    }
    for (const auto& [name, ignored] : loaded.bundle->playbooks) {
      INFO("playbook " << name << " of " << shipped);
      CHECK(tested.contains(name));
    }
  }
}

TEST_CASE("lint finds nothing in the demo and the showcase, with the rules of their Prometheus") {
  const std::string root = std::string(HEAL_SOURCE_DIR) + "/";
  struct Shipped {
    std::string heal_yml;
    std::vector<std::string> rules;
  };
  for (const Shipped& shipped : {Shipped{"compose/config/production/heal.yml", {root + "prometheus/production/rules"}},
                                 Shipped{"compose/config/fast/heal.yml", {root + "prometheus/fast/rules"}},
                                 Shipped{"compose/showcase/heal/heal.yml",
                                         {root + "prometheus/fast/rules", root + "prometheus/showcase/rules"}}}) {
    INFO(shipped.heal_yml);
    const auto loaded = playbook::load(root + shipped.heal_yml, playbook::NamedFiles::kMayBeElsewhere);
    INFO(loaded.diagnostics.render());
    REQUIRE(loaded.bundle);
    std::vector<playbook::AlertRule> rules;
    const auto files = config::expand_paths(shipped.rules, ".");
    REQUIRE(files.has_value());
    for (const std::string& file : *files) {
      config::Diagnostics diagnostics;
      for (auto& rule : playbook::parse_alert_rules(config::read_text_file(file).value(), file, diagnostics))
        rules.push_back(std::move(rule));
      CHECK(!diagnostics.has_errors());
    }
    CHECK(rules.size() > 10);
    std::vector<std::string> found;
    for (const auto& one : playbook::lint(*loaded.bundle, rules))
      found.push_back(one.span.str() + ": " + one.message);
    CHECK(found == std::vector<std::string>{});
  }
}

}  // namespace
}  // namespace heal::rehearsal
