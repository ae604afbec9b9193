#pragma once

#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <thread>

#include "common/base/mutex.h"

namespace heal::actuator {

/// Threads for what may take long: followed logs, events, waiting for an end. Bounded; thread-safe.
class Streams {
 public:
  using Task = std::function<void(std::stop_token stop)>;

  ~Streams() { stop(); }

  /// Runs `task` on a thread of its own; false when `most` run already, the host has no thread for it, or stop()
  /// was called.
  bool start(std::size_t most, Task task);
  /// Asks all to end, and waits.
  void stop();
  std::size_t running() const;

 private:
  struct Running {
    std::jthread thread;
    bool is_over = false;
  };
  void reap(std::list<Running>& over) HEAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::list<Running> running_ HEAL_GUARDED_BY(mutex_);
  bool is_stopped_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::actuator
