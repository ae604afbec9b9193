#include "common/rehearsal/observe.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"

namespace heal::rehearsal {
namespace {

TEST_CASE("every incident is observed, the oldest first, however many there are") {
  MemoryStore store;
  constexpr std::size_t kMany = 2001;
  for (std::size_t i = 0; i < kMany; ++i) {
    Incident incident;
    incident.id = fmt::format("01J8ZQ4T9M5V6W7X8Y9Z{:06}", i);
    incident.name = fmt::format("Alert{}", i);
    incident.times.detected_at = FakeClock::kStart;
    REQUIRE(store.commit({PutIncident{incident}}).has_value());
  }
  const auto seen = observe(store, FakeClock::kStart);
  REQUIRE(seen.has_value());
  REQUIRE(seen->size() == kMany);
  CHECK(seen->front().alert == "Alert0");
  CHECK(seen->back().alert == "Alert2000");
}

}  // namespace
}  // namespace heal::rehearsal
