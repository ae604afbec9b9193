#pragma once

#include <optional>
#include <string_view>

#include "common/remedy/ledger.h"

namespace heal::remedy {

/// Where the wall clock's time of about the last commit stands in the store.
inline constexpr std::string_view kClockKey = "control/clock";
/// Smaller steps back are not worth it: everything waits for so much longer.
inline constexpr Duration kClockPatience = 5s;

/// Notices that the wall clock was set back, by a clock that does not jump. One thread's.
class ClockWatch {
 public:
  explicit ClockWatch(Clock& clock);

  /// How far it was set back since the watch began or taken() was called; zero when it was not.
  Duration set_back();
  /// The time; one that was set back and not made up for yet goes on as if it had not been. For how long to wait.
  WallTime now() const;
  /// What set_back() gave has been made up for.
  void taken();
  /// The time to write under kClockKey, once a second at most.
  std::optional<WallTime> due_mark();

 private:
  WallTime expected() const;

  Clock& clock_;
  WallTime wall_;
  SteadyTime steady_;
  std::optional<SteadyTime> marked_at_;
};

/// How far the clock stands behind what an earlier run has seen; zero when it does not.
Result<Duration> set_back_since(Store& store, WallTime now);

/// Brings forward what was to happen, and what happened, by a clock that was set back by `by` since: what had two
/// minutes to wait has two minutes to wait. What people named a time for (pauses, windows) stays; so do the times of
/// the record.
void make_up_for(Ledger& ledger, Duration by);

}  // namespace heal::remedy
