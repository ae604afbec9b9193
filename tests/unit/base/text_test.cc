#include "common/base/text.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("split keeps empty parts") {
  REQUIRE(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
  REQUIRE(split("", ',') == std::vector<std::string_view>{""});
}

TEST_CASE("whole numbers only") {
  REQUIRE(parse_int("-42") == -42);
  REQUIRE(parse_int("") == std::nullopt);
  REQUIRE(parse_int("4 ") == std::nullopt);
  REQUIRE(parse_int("+4") == std::nullopt);
  REQUIRE(parse_int("99999999999999999999") == std::nullopt);
}

TEST_CASE("UTF-8 follows RFC 3629") {
  REQUIRE(is_utf8("grüße €𝄞"));
  REQUIRE_FALSE(is_utf8("\xC0\xAF"));
  REQUIRE_FALSE(is_utf8("\xED\xA0\x80"));
  REQUIRE_FALSE(is_utf8("\xF4\x90\x80\x80"));
  REQUIRE_FALSE(is_utf8("\xE2\x82"));
  REQUIRE(to_valid_utf8("a\xFFz") == "a\xEF\xBF\xBDz");
}

TEST_CASE("printable text has no control characters and is cut on a character") {
  REQUIRE(printable("a\nb\x01") == "a\\nb\\x01");
  REQUIRE(printable("€€€", 6) == "€€…");
}

TEST_CASE("a near word is suggested, a far one is not") {
  const std::vector<std::string> kinds{"docker.restart", "docker.start", "command"};
  REQUIRE(closest_match("docker.restrat", kinds) == "docker.restart");
  REQUIRE(closest_match("Comand", kinds) == "command");
  REQUIRE(closest_match("reboot", kinds) == std::nullopt);
  REQUIRE(closest_match("sotp", {"start", "stop", "kill"}) == "stop");
  REQUIRE(closest_match("kilp", {"start", "stop", "kill"}) == "kill");
  REQUIRE(closest_match("spot", {"start", "stop"}) == std::nullopt);
}

}  // namespace
}  // namespace heal
