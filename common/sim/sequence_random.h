#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/random.h"

namespace heal {

/// Numbers that are known beforehand: the given ones over and over, or 1, 2, 3 … spread over 64 bits. Thread-safe.
class SequenceRandom : public Random {
 public:
  explicit SequenceRandom(std::vector<std::uint64_t> numbers = {}) : numbers_(std::move(numbers)) {}

  std::uint64_t next() override {
    MutexLock lock(mutex_);
    const auto index = count_++;
    // The odd constant is 2^64 over the golden ratio: neighbours land far from each other.
    return numbers_.empty() ? (index + 1) * 0x9E3779B97F4A7C15U : numbers_[index % numbers_.size()];
  }

 private:
  const std::vector<std::uint64_t> numbers_;

  Mutex mutex_;
  std::uint64_t count_ HEAL_GUARDED_BY(mutex_) = 0;
};

}  // namespace heal
