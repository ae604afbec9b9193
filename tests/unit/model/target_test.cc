#include "common/model/target.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("targets are read and printed") {
  const char* text =
      GENERATE("container/local/nginx", "container/edge-1/web_1", "unit/ssh@a.service", "service/api", "process/nginx");
  REQUIRE(TargetId::parse(text).value().str() == text);
}

TEST_CASE("what could be a path or an option is not a target") {
  const std::string text =
      GENERATE(as<std::string>{}, "", "nginx", "container/nginx", "container/local/a/b", "container//nginx",
               "container/local/../x", "container/local/..", "container/local/-rf", "container/local/a b",
               "container/local/a\n", "pod/x", "unit/", "container/local/$(x)", "container/local/a..b");
  CAPTURE(text);
  REQUIRE_FALSE(TargetId::parse(text).has_value());
}

TEST_CASE("a name is at most 255 bytes") {
  REQUIRE(TargetId::parse("service/" + std::string(255, 'a')).has_value());
  REQUIRE_FALSE(TargetId::parse("service/" + std::string(256, 'a')).has_value());
}

TEST_CASE("what no engine takes as a container's name is not a container") {
  REQUIRE(TargetId::parse("container/local/a:1").error().str() ==
          "\"container/local/a:1\" is not a target: \"a:1\" cannot be a container's name (letters, digits and _ . - "
          "only)");
  REQUIRE_FALSE(TargetId::parse("container/local/a@b").has_value());
  REQUIRE(TargetId::parse("service/api:8080").has_value());
}

TEST_CASE("a refused target says what was expected") {
  REQUIRE(
      TargetId::parse("nginx").error().str() ==
      "\"nginx\" is not a target (expected container/<engine>/<name>, process/<name>, unit/<name> or service/<name>)");
}

}  // namespace
}  // namespace heal
