#pragma once

#include "common/port/clock.h"

namespace heal {

/// The machine's clocks. Thread-safe.
class SystemClock : public Clock {
 public:
  WallTime now() override;
  SteadyTime steady_now() override;
  Wake sleep_until(SteadyTime when, std::stop_token stop) override;
};

}  // namespace heal
