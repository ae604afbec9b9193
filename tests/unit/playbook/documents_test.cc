#include <string>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/playbook/step.h"
#include "heal_test_paths.h"

namespace heal::playbook {
namespace {

/// From the table of step kinds on.
std::string kinds() {
  const std::string text = config::read_text_file(HEAL_SOURCE_DIR "/common/playbook/README.md", 1 << 20).value();
  const auto table = text.find("\n| kind | arguments");
  REQUIRE(table != std::string::npos);
  return text.substr(table);
}

/// The row of the README's table of step kinds; "" when there is none.
std::string row_of(const std::string& kind) {
  const std::string text = kinds();
  for (const auto line : split(text, '\n')) {
    const auto cell = line.substr(0, line.find('|', 1));
    if (line.starts_with("| `") && cell.find("`" + kind + "`") != std::string_view::npos) return std::string(line);
  }
  return "";
}

TEST_CASE("the README's table of step kinds names every kind, its arguments, outputs and what happens after a crash") {
  for (const StepKind& kind : step_kinds()) {
    const std::string row = row_of(kind.name);
    INFO(kind.name << ": " << row);
    REQUIRE_FALSE(row.empty());
    if (kind.name == "compose.restart") continue;  // "the same" as the row above
    for (const ArgumentSpec& argument : kind.arguments)
      CHECK(row.find("`" + argument.name + "`") != std::string::npos);
    for (const std::string& output : kind.outputs)
      CHECK(row.find(output) != std::string::npos);
    const bool is_repeatable = kind.idempotence == Idempotence::kIdempotent;
    CHECK(row.find(is_repeatable ? "| yes |" : "| no |") != std::string::npos);
    CHECK(row.find("| " + std::string(to_string(kind.on_unknown)) + " |") != std::string::npos);
  }
}

}  // namespace
}  // namespace heal::playbook
