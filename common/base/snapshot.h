#pragma once

#include <memory>
#include <utility>

#include "common/base/mutex.h"

namespace heal {

/// The newest version of an immutable value, replaced as a whole (configuration after a reload). Thread-safe. A mutex
/// rather than std::atomic<std::shared_ptr>, in which GCC 12's ThreadSanitizer finds a race.
template <typename T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> get() const {
    MutexLock lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    MutexLock lock(mutex_);
    value_.swap(value);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
