#include "common/model/incident.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("every state has a name of its own that can be read back") {
  for (int i = 0; i <= static_cast<int>(IncidentState::kClosed); ++i) {
    const auto state = static_cast<IncidentState>(i);
    REQUIRE(parse_incident_state(to_string(state)) == state);
  }
  REQUIRE(parse_incident_state("done") == std::nullopt);
}

TEST_CASE("times to detect and recover are unknown when either end is") {
  IncidentTimes times;
  times.detected_at = WallTime(10s);
  REQUIRE(times.time_to_recover() == std::nullopt);
  times.verified_at = WallTime(12s);
  REQUIRE(times.time_to_recover() == 2s);
  REQUIRE(times.time_to_detect() == std::nullopt);
}

}  // namespace
}  // namespace heal
