#pragma once

#include <cstddef>
#include <optional>
#include <queue>
#include <vector>

#include "common/base/time.h"
#include "common/port/random.h"

namespace heal::exporter {

/// When each of many probes is due: spread over its interval, jittered, without drift. Pure: it knows no clock. Not
/// thread-safe.
class Schedule {
 public:
  struct Timing {
    Duration interval{};
    Duration jitter{};
    double offset = 0;                 ///< of the first run, as a fraction of the interval
    std::optional<SteadyTime> grid{};  ///< of the first run, instead of the offset: one that another schedule planned
  };
  /// `random` must outlive this.
  Schedule(std::vector<Timing> timings, SteadyTime start, Random& random);

  /// A run that is due.
  struct Due {
    std::size_t index = 0;
    SteadyTime planned{};
    std::size_t missed = 0;  ///< whole intervals that passed without a run before this one
  };
  /// The moment of the next run; nullopt when there is nothing to run.
  std::optional<SteadyTime> next() const;
  /// The next run of each probe without its jitter: what a schedule that takes this one's place goes on with.
  SteadyTime grid(std::size_t index) const { return grids_[index]; }
  /// All runs that are due at `now`, oldest first, each planned anew.
  std::vector<Due> take_due(SteadyTime now);

 private:
  struct Entry {
    SteadyTime due{};   ///< grid plus jitter
    SteadyTime grid{};  ///< start + offset + n × interval
    std::size_t index = 0;
    bool operator>(const Entry& other) const { return due > other.due; }
  };
  Entry plan(std::size_t index, SteadyTime grid);

  std::vector<Timing> timings_;
  std::vector<SteadyTime> grids_;
  Random* random_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace heal::exporter
