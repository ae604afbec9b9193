#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/time.h"
#include "common/port/clock.h"

namespace heal::remedy {

/// Calls `ring` on a thread of its own each time the clock reaches the moment that was set last. Thread-safe.
class Alarm {
 public:
  /// `clock` must outlive the alarm; `ring` must be short.
  Alarm(Clock& clock, std::function<void()> ring);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Replaces what was set; nullopt: do not ring. A moment that has passed rings at once.
  void set(std::optional<SteadyTime> when) HEAL_EXCLUDES(mutex_);

 private:
  void run() HEAL_EXCLUDES(mutex_);

  Clock& clock_;
  const std::function<void()> ring_;
  Mutex mutex_;
  CondVar changed_;
  std::optional<SteadyTime> when_ HEAL_GUARDED_BY(mutex_);
  bool is_stopping_ HEAL_GUARDED_BY(mutex_) = false;
  std::stop_source sleeping_ HEAL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace heal::remedy
