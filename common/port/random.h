#pragma once

#include <cstdint>

namespace heal {

/// Randomness for ids and jitter, not for secrets. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, 1).
  double fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
};

}  // namespace heal
