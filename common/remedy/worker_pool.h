#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/time.h"
#include "common/port/clock.h"

namespace heal::remedy {

/// A fixed number of threads that run jobs in the order in which they came. Thread-safe.
class WorkerPool {
 public:
  /// Gets a token that is stopped when the pool stops for good.
  using Job = std::function<void(std::stop_token)>;

  /// `clock` must outlive the pool.
  WorkerPool(std::size_t threads, Clock& clock);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues a job; dropped once drain() was called. One that is dropped, or ends with an exception, has `given_up`
  /// called instead, on whatever thread.
  void submit(Job job, std::function<void()> given_up = nullptr) HEAL_EXCLUDES(mutex_);
  /// Takes no more jobs and forgets the queued ones; those that run go on.
  void drain() HEAL_EXCLUDES(mutex_);
  /// Waits until no job runs or `patience` of real time has passed (this waits for threads, not for the world); true
  /// when none runs. For a graceful end after drain().
  bool wait_idle(Duration patience) HEAL_EXCLUDES(mutex_);
  /// Stops what runs and waits for it.
  void stop() HEAL_EXCLUDES(mutex_);

  std::size_t queued() const HEAL_EXCLUDES(mutex_);
  /// How long the oldest queued job has waited.
  Duration oldest_age() const HEAL_EXCLUDES(mutex_);

 private:
  struct Queued {
    Job job;
    std::function<void()> given_up;
    SteadyTime since;
  };
  void run() HEAL_EXCLUDES(mutex_);

  Clock& clock_;
  std::stop_source stop_;
  mutable Mutex mutex_;
  CondVar work_;   ///< a job came, or no more will
  CondVar ended_;  ///< a job
  std::deque<Queued> jobs_ HEAL_GUARDED_BY(mutex_);
  std::size_t running_ HEAL_GUARDED_BY(mutex_) = 0;
  bool is_draining_ HEAL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace heal::remedy
