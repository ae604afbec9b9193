#pragma once

#include <stop_token>
#include <utility>

#include "common/base/time.h"

namespace heal {

/// Time and waiting. Everything that reads a clock or sleeps does it through this. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// UTC now: for showing and storing. May jump.
  virtual WallTime now() = 0;
  /// Monotonic now: for measuring and deadlines.
  virtual SteadyTime steady_now() = 0;
  enum class Wake { kReached, kStopped };
  /// Blocks until `when` or until `stop` is requested, whichever comes first.
  virtual Wake sleep_until(SteadyTime when, std::stop_token stop) = 0;

  Deadline deadline_in(Duration duration) { return steady_now() + duration; }
  Wake sleep_for(Duration duration, std::stop_token stop) {
    return sleep_until(steady_now() + duration, std::move(stop));
  }
};

}  // namespace heal
