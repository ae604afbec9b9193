#pragma once

#include <vector>

#include "common/sim/fake_clock.h"

namespace heal::test {

/// Sets a wall clock, and remembers at which moments of the clock that does not jump a time of the record may have
/// been: at one as a rule, at several when the wall clock showed it more than once.
class ClockHistory {
 public:
  explicit ClockHistory(FakeClock& clock) : clock_(clock) { note(); }

  void set_by(Duration step) {
    clock_.set_now(clock_.now() + step);
    note();
  }
  /// In order.
  std::vector<SteadyTime> moments_of(WallTime time) const {
    std::vector<SteadyTime> out;
    for (std::size_t i = 0; i < eras_.size(); ++i) {
      const SteadyTime moment(time.time_since_epoch() - eras_[i].lead);
      const bool is_after_begin = moment >= eras_[i].since;
      const bool is_before_end = i + 1 == eras_.size() || moment <= eras_[i + 1].since;
      if (is_after_begin && is_before_end) out.push_back(moment);
    }
    return out;
  }

 private:
  /// From `since` on the wall clock was ahead by `lead`.
  struct Era {
    SteadyTime since;
    Duration lead;
  };
  void note() {
    const SteadyTime now = clock_.steady_now();
    eras_.push_back({now, clock_.now().time_since_epoch() - now.time_since_epoch()});
  }

  FakeClock& clock_;
  std::vector<Era> eras_;
};

}  // namespace heal::test
