#include "exporter/schedule.h"

#include <algorithm>

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

TEST_CASE("a schedule that takes another's place goes on with its times") {
  SequenceRandom random;
  Schedule first({{10s, 0s, 0.5}}, kStart, random);
  Schedule second({{10s, 0s, 0.0, first.grid(0)}, {10s, 0s, 0.0}}, kStart + 4s, random);
  CHECK(runs(second, 15s) == std::vector<std::pair<std::size_t, Duration>>{{1, 4s}, {0, 5s}, {1, 14s}, {0, 15s}});
}

TEST_CASE("five thousand targets at one second drift by nothing in a minute") {
  SequenceRandom random;
  constexpr std::size_t kTargets = 5000;
  std::vector<Schedule::Timing> timings;
  for (std::size_t i = 0; i < kTargets; ++i)
    timings.push_back({1s, 50ms, static_cast<double>(i) / kTargets});
  Schedule schedule(timings, kStart, random);
  std::vector<std::size_t> count(kTargets);
  std::size_t missed = 0;
  for (SteadyTime now = kStart; now < kStart + 1min; now += 10ms) {
    for (const Schedule::Due& due : schedule.take_due(now)) {
      count[due.index] += 1;
      missed += due.missed;
    }
  }
  CHECK(missed == 0);
  CHECK(std::all_of(count.begin(), count.end(), [](std::size_t runs) { return runs == 60 || runs == 59; }));
  for (std::size_t i = 0; i < kTargets; i += 500)
    CHECK(schedule.grid(i) == kStart + 1min + std::chrono::duration_cast<Duration>(1s * timings[i].offset));
}

TEST_CASE("nothing to run has no next moment") {
  SequenceRandom random;
  CHECK_FALSE(Schedule({}, kStart, random).next());
}

}  // namespace
}  // namespace heal::exporter
