#pragma once

#include <optional>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/store.h"

namespace heal::webhook {

/// Whether the store takes commits, for who asks often. Thread-safe.
class StoreGate {
 public:
  /// Both must outlive this.
  StoreGate(Store& store, Clock& clock) : store_(store), clock_(clock) {}

  /// Success when the last commit succeeded, or a small one that is tried now does. A failure is kept for two seconds
  /// before the store is asked again, so that asking often writes seldom.
  Status ready();

 private:
  Store& store_;
  Clock& clock_;

  Mutex mutex_;
  std::optional<Error> failure_ HEAL_GUARDED_BY(mutex_);
  SteadyTime ask_again_ HEAL_GUARDED_BY(mutex_){};
};

}  // namespace heal::webhook
