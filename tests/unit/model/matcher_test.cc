#include "common/model/matcher.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("matchers are read in Alertmanager's syntax") {
  struct Case {
    const char* text;
    const char* printed;
  };
  const auto c = GENERATE(values<Case>({{"a=b", R"(a="b")"},
                                        {R"(alertname=~"A|B")", R"(alertname=~"A|B")"},
                                        {R"( a != "x" )", R"(a!="x")"},
                                        {R"(a!~"x.*")", R"(a!~"x.*")"},
                                        {R"(a="q\"u\\o\nte")", R"(a="q\"u\\o\nte")"},
                                        {R"(a=~"\d+")", R"(a=~"\\d+")"},
                                        {R"({a="1",})", R"(a="1")"},
                                        {R"(a="")", R"(a="")"},
                                        {R"(a="x,y}")", R"(a="x,y}")"},
                                        {R"("strange name"="1")", R"("strange name"="1")"},
                                        {"grüße=1", "\"grüße\"=\"1\""}}));
  CAPTURE(c.text);
  const auto matcher = Matcher::parse(c.text).value();
  REQUIRE(matcher.str() == c.printed);
  REQUIRE(Matcher::parse(matcher.str()).value() == matcher);
}

TEST_CASE("a wrong matcher says what was expected and where") {
  struct Case {
    const char* text;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"", "\"\" holds 0 matchers (expected one)"},
      {"a", "\"a\" is not a matcher: expected one of = != =~ !~ at character 2"},
      {"a=", "\"a=\" is not a matcher: expected a value (use \"\" for an empty one) at character 3"},
      {"=b", "\"=b\" is not a matcher: expected a label name at character 1"},
      {"a=\"b", "\"a=\"b\" is not a matcher: the closing quote is missing at character 5"},
      {"{a=b", "\"{a=b\" is not a matcher: expected \"}\" or \",\" at character 5"},
      {"a=b c", "\"a=b c\" is not a matcher: expected the end or \",\" at character 5"},
      {"a=b,c=d", "\"a=b,c=d\" holds 2 matchers (expected one)"},
      {"a=~\"(\"", "\"(\" is not a regular expression: missing ): ("},
  }));
  CAPTURE(c.text);
  REQUIRE(Matcher::parse(c.text).error().str() == c.message);
}

TEST_CASE("regular expressions are anchored at both ends") {
  const auto matcher = Matcher::parse("a=~\"web|db\"").value();
  REQUIRE(matcher.matches({{"a", "web"}}));
  REQUIRE_FALSE(matcher.matches({{"a", "web1"}}));
  REQUIRE_FALSE(matcher.matches({{"a", "xdb"}}));
}

TEST_CASE("an absent label counts as empty") {
  REQUIRE(Matcher::parse("a=\"\"").value().matches({}));
  REQUIRE(Matcher::parse("a!=\"x\"").value().matches({}));
  REQUIRE_FALSE(Matcher::parse("a=~\".+\"").value().matches({}));
}

TEST_CASE("a list of matchers must match as a whole") {
  const auto matchers = Matcher::parse_list("{a=\"1\", b=~\"x|y\"}").value();
  REQUIRE(matchers.size() == 2);
  REQUIRE(all_match(matchers, {{"a", "1"}, {"b", "y"}}));
  REQUIRE_FALSE(all_match(matchers, {{"a", "1"}}));
  REQUIRE(all_match({}, {}));
}

}  // namespace
}  // namespace heal
