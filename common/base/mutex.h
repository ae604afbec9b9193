#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "common/base/time.h"

// clang's thread-safety analysis (-Wthread-safety) checks these; GCC ignores them.
#if defined(__clang__)
#define HEAL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define HEAL_THREAD_ATTRIBUTE(x)
#endif
#define HEAL_GUARDED_BY(mutex) HEAL_THREAD_ATTRIBUTE(guarded_by(mutex))
#define HEAL_REQUIRES(...) HEAL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define HEAL_EXCLUDES(...) HEAL_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace heal {

/// A mutex that clang's thread-safety analysis understands.
class HEAL_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() HEAL_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() HEAL_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// Holds a Mutex for a scope.
class HEAL_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) HEAL_THREAD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() HEAL_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// A condition variable for Mutex. Waits may wake without cause: loop on the condition.
class CondVar {
 public:
  void wait(Mutex& mutex) HEAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  void wait_until(Mutex& mutex, SteadyTime when) HEAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, when);
    lock.release();
  }
  /// Waits until `done()` holds or `patience` of real time has passed; gives what `done()` says then.
  template <typename Predicate>
  bool wait_for(Mutex& mutex, Duration patience, Predicate done) HEAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool is_done = condition_.wait_for(lock, patience, done);
    lock.release();
    return is_done;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace heal
