#include "common/system/system_clock.h"

#include <utility>

#include "common/base/mutex.h"

namespace heal {

WallTime SystemClock::now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

SteadyTime steady_time() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

SteadyTime SystemClock::steady_now() {
  return steady_time();
}

Clock::Wake SystemClock::sleep_until(SteadyTime when, std::stop_token stop) {
  // The C library takes absolute times: one far in the future would overflow when it adds to it.
  constexpr Duration kLongestNap = std::chrono::hours(1);
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake_on_stop(stop, [&] {
    MutexLock lock(mutex);
    stopped.notify_all();
  });
  MutexLock lock(mutex);
  for (;;) {
    if (stop.stop_requested()) return Wake::kStopped;
    const SteadyTime now = steady_now();
    if (now >= when) return Wake::kReached;
    stopped.wait_until(mutex, when - now > kLongestNap ? now + kLongestNap : when);
  }
}

}  // namespace heal
