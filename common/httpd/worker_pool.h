#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace heal::httpd {

/// A fixed number of threads and a bounded queue of jobs. Thread-safe.
class WorkerPool {
 public:
  /// Jobs must not throw.
  using Job = std::function<void()>;

  WorkerPool(std::size_t threads, std::size_t queue);
  /// Lets running jobs end, drops waiting ones.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full or the pool stops: the job is dropped.
  bool try_post(Job job);
  /// Lets running jobs end and drops waiting ones; no job runs afterwards. Idempotent.
  void stop();

 private:
  void work();

  const std::size_t queue_limit_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<Job> queue_ HEAL_GUARDED_BY(mutex_);
  std::size_t idle_ HEAL_GUARDED_BY(mutex_) = 0;
  bool stopping_ HEAL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // last: its threads use all of the above
};

}  // namespace heal::httpd
