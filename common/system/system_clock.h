#pragma once

#include "common/port/clock.h"

namespace heal {

/// Now, by the machine's clock that does not jump: for adapters, which have no Clock.
SteadyTime steady_time();

/// The machine's clocks. Thread-safe.
class SystemClock : public Clock {
 public:
  WallTime now() override;
  SteadyTime steady_now() override;
  Wake sleep_until(SteadyTime when, std::stop_token stop) override;
};

}  // namespace heal
