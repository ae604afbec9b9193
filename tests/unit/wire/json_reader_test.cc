#include "common/wire/json_reader.h"

#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::string_view kSample =
    R"( {"version":"4","truncatedAlerts":0,"count":-12,"alerts":[{"labels":{"a":"b\u0026c\u00e9\u20ac\n\"\\\/\b\f\r\t"},)"
    R"("annotations":{},"n":null,"yes":true,"no":false,"list":[[],[1,2,[3]],{"x":{}}]}],"url":"http://é.example/?a=b"})"
    "\r\n";

TEST_CASE("the plain reader reads a notification as the library does") {
  const auto plain = read_plain_json(kSample, {});
  REQUIRE(plain);
  const auto library = parse_any_json(kSample, {});
  REQUIRE(library.has_value());
  CHECK(*plain == *library);
  CHECK(dump(*plain) == dump(*library));
}

TEST_CASE("the plain reader leaves to the library what is rare or wrong") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{\"a\":1,\"a\":2}",
                           "[1] x",
                           "nul",
                           "tru",
                           "\"a",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\ud83d\\ude00\"",
                           "01",
                           "-",
                           "1.5",
                           "1e3",
                           "1234567890123456789",
                           "-1234567890123456789",
                           "[1,/**/2]"}) {
    CAPTURE(text);
    CHECK_FALSE(read_plain_json(text, {}));
  }
  CHECK_FALSE(read_plain_json("[[1]]", {.max_depth = 1}));
  CHECK(read_plain_json("[[1]]", {.max_depth = 2}));
  CHECK_FALSE(read_plain_json("[1,2]", {.max_depth = 2, .max_values = 2}));
  CHECK(read_plain_json("[1,2]", {.max_depth = 2, .max_values = 3}));
}

TEST_CASE("whatever one byte does to a notification, the plain reader takes nothing that the library does not") {
  std::size_t taken = 0;
  for (std::size_t at = 0; at < kSample.size(); ++at) {
    for (const char byte : std::string_view("\"\\{}[],:0-eu. x\x1f")) {
      std::string text(kSample);
      text[at] = byte;
      if (!is_utf8(text)) continue;
      const auto plain = read_plain_json(text, {});
      if (!plain) continue;
      CAPTURE(text);
      const auto library = parse_any_json(text, {});
      REQUIRE(library.has_value());
      REQUIRE(*plain == *library);
      ++taken;
    }
  }
  CHECK(taken > 100);
}

}  // namespace
}  // namespace heal
