#include "compose/demo_api/modes.h"

#include <catch2/catch.hpp>

namespace heal::demo {
namespace {

TEST_CASE("modes are read over those in force, and say themselves in the same words") {
  const Modes base{.slow = 2s, .errors = 0.25, .healthy = false, .silent = true, .memory_mib = 3};
  REQUIRE(parse_modes("{}", base).value() == base);
  REQUIRE(parse_modes(to_json(base), Modes{}).value() == base);
  Modes wanted = base;
  wanted.slow = 500ms;
  wanted.healthy = true;
  REQUIRE(parse_modes(R"({"slow": "500ms", "healthy": true})", base).value() == wanted);
  REQUIRE(to_json(Modes{}) == R"({"errors":0.0,"healthy":true,"memory_mib":0,"silent":false,"slow":"0s"})");
}

TEST_CASE("a mode that there is not, or out of its range, is refused with its place") {
  const auto refusal = [](std::string_view text) { return parse_modes(text, Modes{}).error().message(); };
  CHECK(refusal(R"({"slow": "31s"})") == R"(/slow: expected a duration from 0s to 30s, like "500ms")");
  CHECK(refusal(R"({"slow": "soon"})") == R"(/slow: expected a duration from 0s to 30s, like "500ms")");
  CHECK(refusal(R"({"errors": 1.5})") == "/errors: expected a share from 0 to 1");
  CHECK(refusal(R"({"errors": -0.1})") == "/errors: expected a share from 0 to 1");
  CHECK(refusal(R"({"memory_mib": 1025})") == "/memory_mib: expected a whole number from 0 to 1024");
  CHECK(refusal("[]") == R"(expected an object like {"healthy": false})");
  CHECK_FALSE(parse_modes(R"({"heatlhy": false})", Modes{}).has_value());
  CHECK_FALSE(parse_modes(R"({"healthy": "no"})", Modes{}).has_value());
  CHECK_FALSE(parse_modes("{", Modes{}).has_value());
}

TEST_CASE("errors are spread evenly, as many as the share asks for") {
  ErrorShare errors;
  std::string seen;
  for (int i = 0; i < 8; ++i)
    seen += errors.next(0.25) ? 'x' : '.';
  REQUIRE(seen == "...x...x");
  seen.clear();
  for (int i = 0; i < 3; ++i)
    seen += errors.next(1) ? 'x' : '.';
  for (int i = 0; i < 3; ++i)
    seen += errors.next(0) ? 'x' : '.';
  REQUIRE(seen == "xxx...");
}

}  // namespace
}  // namespace heal::demo
