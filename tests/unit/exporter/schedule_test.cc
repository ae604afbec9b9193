#include "exporter/schedule.h"

#include <catch2/catch.hpp>

#include "common/sim/sequence_random.h"

namespace heal::exporter {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

std::vector<std::pair<std::size_t, Duration>> runs(Schedule& schedule, Duration until) {
  std::vector<std::pair<std::size_t, Duration>> out;
  while (schedule.next() && *schedule.next() <= kStart + until) {
    for (const Schedule::Due& due : schedule.take_due(*schedule.next()))
      out.emplace_back(due.index, due.planned - kStart);
  }
  return out;
}

TEST_CASE("targets are spread over the interval and come back without drift") {
  SequenceRandom random;
  Schedule schedule({{1s, 0s, 0.0}, {1s, 0s, 0.5}, {2s, 0s, 0.25}}, kStart, random);
  CHECK(runs(schedule, 2s) ==
        std::vector<std::pair<std::size_t, Duration>>{{0, 0s}, {1, 500ms}, {2, 500ms}, {0, 1s}, {1, 1500ms}, {0, 2s}});
}

TEST_CASE("jitter delays a run within its bound and never moves the grid") {
  SequenceRandom random;
  Schedule schedule({{1s, 200ms, 0.0}}, kStart, random);
  for (int i = 0; i < 50; ++i) {
    const Schedule::Due due = schedule.take_due(*schedule.next()).at(0);
    const Duration behind_grid = due.planned - kStart - i * 1s;
    CAPTURE(i);
    CHECK(behind_grid >= 0s);
    CHECK(behind_grid < 200ms);
  }
}

TEST_CASE("after being held up each probe runs once, and what was missed is counted") {
  SequenceRandom random;
  Schedule schedule({{1s, 0s, 0.0}}, kStart, random);
  const std::vector<Schedule::Due> due = schedule.take_due(kStart + 3500ms);
  REQUIRE(due.size() == 1);
  CHECK(due[0].missed == 3);
  CHECK(schedule.next() == kStart + 4s);
}

TEST_CASE("nothing to run has no next moment") {
  SequenceRandom random;
  CHECK_FALSE(Schedule({}, kStart, random).next());
}

}  // namespace
}  // namespace heal::exporter
