#include "common/base/time.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("durations follow Prometheus' grammar") {
  struct Case {
    const char* text;
    Duration expected;
  };
  const auto c = GENERATE(values<Case>({{"0", 0s},
                                        {"30s", 30s},
                                        {"250ms", 250ms},
                                        {"5m", 5min},
                                        {"1h30m", 90min},
                                        {"1d12h", 36h},
                                        {"1w", 168h},
                                        {"1y", 8760h},
                                        {"007s", 7s},
                                        {"1m1ms", 60001ms}}));
  CAPTURE(c.text);
  REQUIRE(parse_duration(c.text).value() == c.expected);
}

TEST_CASE("what is not a duration is refused") {
  const char* text =
      GENERATE("", "5", "s", "-5s", "1.5s", "5 s", "1s1m", "1s1s", "5x", "0x5s", "99999999999999999999s", "300y");
  CAPTURE(text);
  REQUIRE_FALSE(parse_duration(text).has_value());
}

TEST_CASE("a refused duration says what was expected") {
  REQUIRE(parse_duration("soon").error().str() ==
          "\"soon\" is not a duration (expected for example \"30s\", \"5m\" or \"1h30m\")");
}

TEST_CASE("durations are printed as Prometheus prints them") {
  REQUIRE(format_duration(90s) == "1m30s");
  REQUIRE(format_duration(0s) == "0s");
  REQUIRE(format_duration(25h + 5ms) == "1d1h5ms");
  REQUIRE(format_duration_short(350ms) == "350ms");
  REQUIRE(format_duration_short(1210ms) == "1.21s");
  REQUIRE(format_duration_short(125s) == "2m05s");
  REQUIRE(format_duration_short(11520s) == "3h12m");
}

TEST_CASE("Go durations take fractions and small units") {
  REQUIRE(parse_go_duration("1.5s").value() == 1500ms);
  REQUIRE(parse_go_duration("1m30s").value() == 90s);
  REQUIRE(parse_go_duration("100us").value() == 100us);
  REQUIRE(parse_go_duration("-2s").value() == -2s);
  REQUIRE(parse_go_duration(".5s").value() == 500ms);
  REQUIRE_FALSE(parse_go_duration("5").has_value());
  REQUIRE_FALSE(parse_go_duration("1d").has_value());
  REQUIRE_FALSE(parse_go_duration("").has_value());
  REQUIRE_FALSE(parse_go_duration(".s").has_value());
}

TEST_CASE("RFC 3339 times keep their nanoseconds and are shown in UTC") {
  struct Case {
    const char* text;
    const char* expected;
  };
  const auto c = GENERATE(values<Case>({{"2030-01-02T03:04:05Z", "2030-01-02T03:04:05Z"},
                                        {"2030-01-02T03:04:05.006Z", "2030-01-02T03:04:05.006Z"},
                                        {"2030-01-02T05:04:05.1+02:00", "2030-01-02T03:04:05.1Z"},
                                        {"2029-12-31T23:30:00-01:00", "2030-01-01T00:30:00Z"},
                                        {"2028-02-29T00:00:00.123456789Z", "2028-02-29T00:00:00.123456789Z"}}));
  CAPTURE(c.text);
  REQUIRE(format_rfc3339_nano(parse_rfc3339(c.text).value().value()) == c.expected);
}

TEST_CASE("year 1 means that there is no time") {
  REQUIRE(parse_rfc3339("0001-01-01T00:00:00Z").value() == std::nullopt);
}

TEST_CASE("what is not an RFC 3339 time is refused") {
  const char* text =
      GENERATE("", "now", "2030-01-02", "2030-13-02T03:04:05Z", "2030-02-30T03:04:05Z", "2030-01-02T24:00:00Z",
               "2030-01-02T03:04:05", "2030-01-02T03:04:05.Z", "2030-01-02T03:04:05.1234567890Z",
               "2030-01-02T03:04:05Zx", "9999-01-02T03:04:05Z", "1500-01-02T03:04:05Z");
  CAPTURE(text);
  REQUIRE_FALSE(parse_rfc3339(text).has_value());
}

TEST_CASE("times before the epoch are formatted downwards") {
  REQUIRE(format_rfc3339(WallTime(-1ms)) == "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace heal
