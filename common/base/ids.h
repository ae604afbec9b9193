#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/time.h"

namespace heal {

/// A ULID: 26 characters of Crockford base 32, sortable by `time` (milliseconds) and then by `entropy`, of which 80
/// bits are used. Source: github.com/ulid/spec.
std::string make_ulid(WallTime time, std::uint64_t entropy_high, std::uint64_t entropy_low);

/// ULIDs that grow: each sorts behind all that were made before, also within one millisecond and when the clock is set
/// back. Not thread-safe.
class UlidSequence {
 public:
  /// The next one; of its entropy, the first of a millisecond is made.
  std::string next(WallTime time, std::uint64_t entropy_high, std::uint64_t entropy_low);

 private:
  std::chrono::milliseconds newest_ = std::chrono::milliseconds::min();
  std::uint64_t high_ = 0, low_ = 0;
};

}  // namespace heal
