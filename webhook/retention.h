#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "common/telemetry/logger.h"

namespace heal::webhook {

/// Deletes what heal.yml's `retention` lets go, every hour once it was started, in small steps with pauses so that what
/// comes in never waits long. What is deleted is gone, and it goes by the wall clock: while it was running the clock
/// must have kept in step with the one that does not jump, and it must have gone on from the last pass of an earlier
/// run within kMostAway; else nothing is deleted before it has kept in step for kDistrust. Thread-safe.
class Retention {
 public:
  static constexpr Duration kMostAway = 7 * 24h;
  static constexpr Duration kDistrust = 24h;

  /// `keep` says for how long incidents are kept; absent: for good. It is asked before each pass. All must outlive
  /// this.
  Retention(Store& store, Clock& clock, Logger logger, std::function<std::optional<Duration>()> keep);

  /// Begins to do so by itself, a minute from now.
  void start();
  /// One pass over all that is old, until its end or `stop`.
  Result<Swept> run_once(std::stop_token stop);

 private:
  void run(std::stop_token stop);
  void begin_watching();
  bool is_clock_believed();
  void remember_clock();

  Store& store_;
  Clock& clock_;
  const Logger logger_;
  const std::function<std::optional<Duration>()> keep_;
  // The thread's own: two clocks that were read at one moment, and when the wall clock is believed again.
  WallTime wall_{};
  SteadyTime steady_{};
  SteadyTime believed_from_{};
  std::jthread thread_;
};

}  // namespace heal::webhook
