#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "common/playbook/bundle.h"
#include "common/playbook/plan.h"
#include "heal_test_paths.h"

namespace heal::playbook {
namespace {

namespace fs = std::filesystem;

const fs::path& golden_folder() {
  static const fs::path folder = fs::path(HEAL_SOURCE_DIR) / "tests" / "golden" / "playbook";
  return folder;
}

std::string read(const fs::path& file) {
  return config::read_text_file(file.string()).value();
}

/// Compares with the file, or writes it when asked to.
void require_golden(const fs::path& file, const std::string& actual) {
  if (getenv("HEAL_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << actual;
  INFO(file.string());
  REQUIRE(fs::exists(file));
  REQUIRE(actual == read(file));
}

std::string diagnose(const fs::path& file) {
  config::Diagnostics diagnostics;
  const auto name = file.filename().string();
  const auto text = read(file);
  if (name.substr(0, 5) == "heal-") {
    const auto parsed = parse_heal_config(text, name, diagnostics);
    REQUIRE(parsed.has_value() != diagnostics.has_errors());
  } else {
    const auto parsed = parse_playbook(text, name, GuardSettings(), diagnostics);
    REQUIRE(parsed.has_value() != diagnostics.has_errors());
  }
  return diagnostics.render();
}

TEST_CASE("every mistake in a file is answered with its place, the reason and a suggestion") {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(golden_folder() / "diagnostics")) {
    if (entry.path().extension() != ".yml") continue;
    ++files;
    require_golden(fs::path(entry.path()).replace_extension(".expected"), diagnose(entry.path()));
  }
  REQUIRE(files >= 13);
}

Bundle load_examples() {
  auto loaded = load((golden_folder() / "examples" / "heal.yml").string());
  INFO(loaded.diagnostics.render());
  REQUIRE(loaded.bundle);
  REQUIRE(loaded.diagnostics.empty());
  return std::move(*loaded.bundle);
}

TEST_CASE("the effective configuration shows every default") {
  require_golden(golden_folder() / "examples" / "config.expected", print_config(load_examples().config));
}

TEST_CASE("a plan is the same bytes on every machine") {
  const Bundle bundle = load_examples();
  PlanInput input;
  input.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}};
  input.target = inventory_of(bundle.config, TargetId::parse("container/local/nginx").value()).value();
  const auto restart = make_plan(bundle.config, *bundle.find_playbook("restart-container"), input).value();
  require_golden(golden_folder() / "examples" / "restart-container.expected",
                 explain(restart) + "\n" + restart.canonical + "\n");

  input.labels["instance"] = "nginx:8080";
  const auto recreate = make_plan(bundle.config, *bundle.find_playbook("recreate-container"), input).value();
  require_golden(golden_folder() / "examples" / "recreate-container.expected",
                 explain(recreate) + "\n" + recreate.canonical + "\n");

  input.target = inventory_of(bundle.config, TargetId::parse("service/api").value()).value();
  input.params = {{"volume", "logs"}};
  const auto rotate = make_plan(bundle.config, *bundle.find_playbook("rotate-logs"), input).value();
  require_golden(golden_folder() / "examples" / "rotate-logs.expected",
                 explain(rotate) + "\n" + rotate.canonical + "\n");
}

}  // namespace
}  // namespace heal::playbook
