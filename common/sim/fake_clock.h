#pragma once

#include <optional>
#include <set>
#include <stop_token>

#include "common/base/mutex.h"
#include "common/port/clock.h"

namespace heal {

/// A clock that stands still until it is told to move. Thread-safe.
class FakeClock : public Clock {
 public:
  /// What sleeping does: wait for another thread to call advance(), or move the clock itself and return at once (for
  /// programs of one thread, which would wait for ever otherwise).
  enum class Sleeping { kBlocks, kAdvances };

  /// 2030-01-02T03:04:05Z.
  static constexpr WallTime kStart{std::chrono::seconds(1893553445)};

  explicit FakeClock(Sleeping sleeping = Sleeping::kBlocks, WallTime start = kStart)
      : sleeping_(sleeping), wall_(start) {}

  WallTime now() override;
  SteadyTime steady_now() override;
  Wake sleep_until(SteadyTime when, std::stop_token stop) override;

  /// Moves both times on and wakes whoever has slept long enough.
  void advance(Duration by);
  /// Moves on to the moment for which the first sleeper waits; false when nobody sleeps or all sleep for ever.
  bool advance_to_next();
  /// Sets the wall clock alone, as a correction of the system's time does.
  void set_now(WallTime now);

  /// How many threads sleep now, and the earliest moment that one of them waits for. Whose time has come or who is told
  /// to stop counts no longer, even before it has woken.
  std::size_t sleepers();
  std::optional<SteadyTime> next_wake();
  /// Blocks, in real time, until at least `count` threads sleep: before advance(), so that none misses it.
  void wait_for_sleepers(std::size_t count);

 private:
  void move_to(SteadyTime when) HEAL_REQUIRES(mutex_);

  const Sleeping sleeping_;

  Mutex mutex_;
  CondVar changed_;
  WallTime wall_ HEAL_GUARDED_BY(mutex_);
  SteadyTime steady_ HEAL_GUARDED_BY(mutex_){std::chrono::hours(24)};
  std::multiset<SteadyTime> wakes_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
