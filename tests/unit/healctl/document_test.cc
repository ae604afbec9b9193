#include "healctl/output/document.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"

namespace heal::ctl {
namespace {

TEST_CASE("YAML shows nested values in block style") {
  const Json value{{"incidents", {{{"id", "01J8"}, {"attempt", 1}, {"times", {{"failed_at", nullptr}}}}, "x"}},
                   {"empty", Json::array()},
                   {"none", Json::object()}};
  CHECK(to_yaml(value) ==
        "empty: []\n"
        "incidents:\n"
        "  - attempt: 1\n"
        "    id: \"01J8\"\n"
        "    times:\n"
        "      failed_at: null\n"
        "  - x\n"
        "none: {}\n");
}

TEST_CASE("YAML quotes whatever could be read as something else") {
  const auto text = [](const char* value) { return to_yaml(Json(value)); };
  CHECK(text("restart-container") == "restart-container\n");
  CHECK(text("container/local/nginx") == "container/local/nginx\n");
  for (const char* word :
       {"",           "yes",  "No", "true", "null", "~", "1",  "1e3", "0x1f", "- a", "a: b", "#x", " a", "a ",
        "2030-01-02", "a\nb", "\"", "'",    "{",    "[", "*a", "&a",  "!t",   "|",   "%",    "@",  "`",  "ümlaut"}) {
    CAPTURE(word);
    CHECK(text(word) == dump(Json(word)) + "\n");
  }
}

}  // namespace
}  // namespace heal::ctl
