#pragma once

#include <random>

#include "common/base/mutex.h"
#include "common/port/random.h"

namespace heal {

/// A generator seeded by the kernel. Thread-safe.
class SystemRandom : public Random {
 public:
  SystemRandom();
  std::uint64_t next() override;

 private:
  Mutex mutex_;
  std::mt19937_64 engine_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
