#include "common/model/labels.h"

#include <catch2/catch.hpp>

#include "common/model/alert.h"

namespace heal {
namespace {

TEST_CASE("an absent label is an empty one") {
  REQUIRE(label_value({{"a", "1"}}, "a") == "1");
  REQUIRE(label_value({{"a", "1"}}, "b").empty());
}

TEST_CASE("labels are printed as Prometheus writes them") {
  REQUIRE(format_labels({{"b", "x\"y\n"}, {"a", "1\\"}}) == R"({a="1\\", b="x\"y\n"})");
}

TEST_CASE("fingerprints agree with Alertmanager's") {
  // FNV-1a 64 offset basis: Prometheus' fingerprint of the empty label set.
  REQUIRE(fingerprint_of({}) == "cbf29ce484222325");
  REQUIRE(fingerprint_of({{"a", "1"}}) != fingerprint_of({{"a1", ""}}));
  REQUIRE(fingerprint_of({{"a", "1"}, {"b", "2"}}).size() == 16);
}

TEST_CASE("an episode is one firing of one alert") {
  Alert alert;
  alert.fingerprint = "00c0ffee00c0ffee";
  alert.starts_at = parse_rfc3339("2030-01-02T03:04:05.006Z").value().value();
  REQUIRE(alert.episode_key() == "00c0ffee00c0ffee:2030-01-02T03:04:05.006Z");
}

}  // namespace
}  // namespace heal
