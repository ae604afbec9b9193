#pragma once

#include <algorithm>
#include <functional>
#include <stop_token>
#include <thread>
#include <utility>

#include "common/port/clock.h"

namespace heal::exporter {

/// Calls a function every interval on a thread of its own, on a grid without drift; turns that would overlap are left
/// out. Ends when it goes.
class PeriodicLook {
 public:
  using Look = std::function<void(const std::stop_token&)>;

  /// `clock` must outlive this.
  PeriodicLook(Clock& clock, Duration interval, Look look)
      : thread_([&clock, interval, look = std::move(look)](const std::stop_token& stop) {
          SteadyTime next = clock.steady_now();
          while (clock.sleep_until(next, stop) == Clock::Wake::kReached) {
            look(stop);
            next += interval * std::max<std::int64_t>(1, (clock.steady_now() - next) / interval + 1);
          }
        }) {}

 private:
  std::jthread thread_;
};

/// How long an answer is good for when no newer one comes: long enough for one slow look, too short to hide that nobody
/// looks.
constexpr Duration kept_for(Duration interval) {
  return std::max(interval * 3, Duration(5s));
}

}  // namespace heal::exporter
