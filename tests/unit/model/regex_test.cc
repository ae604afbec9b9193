#include "common/model/regex.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("a search finds groups by number and name") {
  const auto regex = Regex::compile("(?P<code>\\d{3}) (x)?").value();
  REQUIRE(regex.captures("SMTP 220 ready") == std::vector<std::string>{"220 ", "220", ""});
  REQUIRE(regex.group_names() == std::vector<std::string>{"", "code", ""});
  REQUIRE(regex.captures("none").empty());
  REQUIRE(regex.search("a 220 b"));
  REQUIRE_FALSE(regex.full_match("a 220 b"));
}

TEST_CASE("a pattern that would explode elsewhere is linear here") {
  REQUIRE_FALSE(Regex::compile("(a|b)*c").value().full_match(std::string(100'000, 'a')));
}

TEST_CASE("what Prometheus' dialect does not have is refused") {
  CHECK_FALSE(Regex::compile("a\\Cb").has_value());
  CHECK(Regex::compile("a\\\\Cb").value().search("a\\Cb"));
  CHECK(Regex::compile("\\Qa\\Cb\\E").value().search("a\\Cb"));
}

}  // namespace
}  // namespace heal
