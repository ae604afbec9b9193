#include "common/sim/wait_in.h"

#include <algorithm>
#include <utility>

namespace heal {

Status wait_in(Clock& clock, Duration delay, Deadline deadline, std::stop_token stop, std::string_view what) {
  if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", what);
  const SteadyTime now = clock.steady_now();
  const bool in_time = now < deadline && delay <= deadline - now;
  const SteadyTime until = in_time ? now + delay : std::max(now, deadline);
  if (until > now && clock.sleep_until(until, std::move(stop)) == Clock::Wake::kStopped) {
    return make_error(ErrorCode::kCancelled, "{}: stopped", what);
  }
  if (!in_time) return make_error(ErrorCode::kTimeout, "{}: timed out", what);
  return {};
}

}  // namespace heal
