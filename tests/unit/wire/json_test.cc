#include "common/wire/json.h"

#include <string>

#include <catch2/catch.hpp>

namespace heal {
namespace {

struct RefusedText {
  std::string name, text, message;
};

TEST_CASE("parse_json refuses with the place and the reason") {
  const auto c = GENERATE(values<RefusedText>({
      {"empty", "",
       "not accepted as JSON at line 1, column 1 (byte 0): unexpected end of input; expected '[', '{', or a literal"},
      {"duplicate", R"({"a":{"b":1,"b":2}})",
       "/a/b: not accepted as JSON at line 1, column 15 (byte 14): the member is there twice"},
      {"garbage behind", "{} x",
       "not accepted as JSON at line 1, column 4 (byte 3): invalid literal; last read: '{} x'; expected end of input"},
      {"second value", "1 2",
       "not accepted as JSON at line 1, column 3 (byte 2): unexpected number literal; expected end of input"},
      {"NUL hides a tail", std::string("{}\0{", 4), "not accepted as JSON at line 1, column 3 (byte 2): NUL byte"},
      {"not UTF-8", "{\n\"a\":\"\xff\"}", "not accepted as JSON at line 2, column 6 (byte 7): not UTF-8"},
      {"lone surrogate", R"(["\ud800"])",
       "/0: not accepted as JSON at line 1, column 9 (byte 8): invalid string: surrogate U+D800..U+DBFF must be "
       "followed by U+DC00..U+DFFF; last read: '\"\\ud800\"'"},
      {"number out of range", "[1e999]",
       "/0: not accepted as JSON at line 1, column 6 (byte 5): a number is out of range"},
      {"NaN", "[NaN]", "/0: not accepted as JSON at line 1, column 2 (byte 1): invalid literal; last read: '[N'"},
      {"comment", "[1,/**/2]",
       "/1: not accepted as JSON at line 1, column 4 (byte 3): invalid literal; last read: '1,/'"},
      {"trailing comma", "[1,]",
       "/1: not accepted as JSON at line 1, column 4 (byte 3): unexpected ']'; expected '[', '{', or a literal"},
  }));
  CAPTURE(c.name);
  const auto parsed = parse_json(c.text);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code() == ErrorCode::kInvalid);
  CHECK(parsed.error().str() == c.message);
}

TEST_CASE("parse_json caps the depth and takes what is at the cap") {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  CHECK(parse_json(deep).has_value());
  const auto deeper = parse_json("[" + deep + "]");
  REQUIRE_FALSE(deeper.has_value());
  CHECK(deeper.error().message().find("nested deeper than 64 levels") != std::string::npos);
  CHECK_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
  CHECK_FALSE(parse_json(R"({"a":{"b":1}})", {.max_depth = 1}).has_value());
}

TEST_CASE("parse_json caps the number of values") {
  JsonLimits limits;
  limits.max_values = 4;
  CHECK(parse_json("[1,{\"a\":2}]", limits).has_value());
  CHECK(parse_json("[1,{\"a\":2},3]", limits).error().str() ==
        "/2: not accepted as JSON at line 1, column 13 (byte 12): more than 4 values");
  CHECK(!parse_json("[[],[],[],[]]", limits).has_value());
}

TEST_CASE("members that nobody knows are named, with what may have been meant") {
  const Json body = parse_json(R"({"dry_run": true, "Target": "x"})").value();
  CHECK(check_members(body, {"dry_run", "Target"}).has_value());
  CHECK(check_members(body, {"dry_run", "target"}, "/a").error().str() ==
        "/a/Target: unknown member, did you mean \"target\"?");
  CHECK(check_members(body, {"dry_run"}).error().str() == "/Target: unknown member, expected one of dry_run");
}

TEST_CASE("parse_json builds the value and dump is canonical") {
  const auto parsed = parse_json(" {\"b\":[1,-2,2.5,true,null,{}],\"a\":\"\\u00e4\\n\",\"\":18446744073709551615}\n");
  REQUIRE(parsed.has_value());
  CHECK(dump(*parsed) == "{\"\":18446744073709551615,\"a\":\"\xC3\xA4\\n\",\"b\":[1,-2,2.5,true,null,{}]}");
  CHECK(parse_json(dump(*parsed)).value() == *parsed);
  CHECK(parse_json("3").value() == Json(3));
}

TEST_CASE("dump replaces bytes that are not UTF-8") {
  CHECK(dump(Json("a\xff")) == "\"a\xEF\xBF\xBD\"");
}

TEST_CASE("typed access names the place and what was expected") {
  const auto doc = parse_json(R"({"s":"x","i":-3,"whole":3.0,"frac":3.5,"big":18446744073709551615,"b":true,
      "n":null,"o":{"k":"v","bad/key":1},"a":[1],"t":"2030-01-02T03:04:05.006Z","t1":"0001-01-01T00:00:00Z","e":""})")
                       .value();
  CHECK(get_string(doc, "s").value() == "x");
  CHECK(get_int(doc, "i").value() == -3);
  CHECK(get_int(doc, "whole").value() == 3);
  CHECK(get_double(doc, "frac").value() == 3.5);
  CHECK(get_bool(doc, "b").value());
  CHECK(get_array(doc, "a").value()->size() == 1);
  CHECK(format_rfc3339(get_time(doc, "t").value()) == "2030-01-02T03:04:05.006Z");
  CHECK(get_string(doc, "i", "/x").error().str() == "/x/i: expected a string, got number");
  CHECK(get_string(doc, "n").error().str() == "/n: expected a string, got nothing");
  CHECK(get_int(doc, "frac").error().str() == "/frac: expected a whole number, got number");
  CHECK(get_int(doc, "big").error().str() == "/big: expected a whole number, got number");
  CHECK(get_labels(doc, "o").error().str() == "/o/bad~1key: expected a string, got number");
  CHECK(get_time(doc, "t1").error().str() == "/t1: expected a time, got year 1");
  CHECK(get_object(doc, "a").error().str() == "/a: expected an object, got array");
  CHECK(get_string(Json(7), "s").error().str() == "/s: expected a string, got nothing");
}

TEST_CASE("optional access takes absent and null, and refuses the wrong type") {
  const auto doc = parse_json(R"({"n":null,"i":1,"t":"0001-01-01T00:00:00Z","e":""})").value();
  CHECK(get_optional_string(doc, "n").value() == std::nullopt);
  CHECK(get_optional_string(doc, "missing").value() == std::nullopt);
  CHECK(get_optional_int(doc, "i").value() == 1);
  CHECK(get_optional_time(doc, "t").value() == std::nullopt);
  CHECK(get_optional_time(doc, "e").value() == std::nullopt);
  CHECK(get_optional_labels(doc, "n").value().empty());
  CHECK(get_optional_array(doc, "n").value() == nullptr);
  CHECK(get_optional_string(doc, "i").error().str() == "/i: expected a string, got number");
  CHECK(get_optional_bool(doc, "i").error().str() == "/i: expected true or false, got number");
}

}  // namespace
}  // namespace heal
