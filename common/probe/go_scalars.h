#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "common/base/time.h"
#include "common/config/decode.h"

namespace heal::probe {

// Scalars of a blackbox.yml as Go's yaml.v3 reads them into typed fields, so that the files are good that are good
// there. Each reports what is wrong and gives nullopt then.

/// `64`, `+64`, `0x40`, `0o100`, `0100`, `0b1000000`, `1_000`, and whole numbers with a fraction (`64.0`, `2e2`).
class as_go_int {  // NOLINT(readability-identifier-naming): a decoder reads like a function
 public:
  explicit as_go_int(int least = std::numeric_limits<int>::min(), int most = std::numeric_limits<int>::max())
      : least_(least), most_(most) {}
  std::optional<int> operator()(const config::Value& value) const;

 private:
  int least_, most_;
};

/// true, false, yes, no, on, off, y, n in the spellings that YAML 1.1 has; the latter six in quotes too.
std::optional<bool> as_go_bool(const config::Value& value);

/// Bytes as units.Base2Bytes: `1KB` is 1024, `1.5MB`, `1GB512MB`, `0`; another number needs a unit.
std::optional<std::uint64_t> as_base2_bytes(const config::Value& value);

/// A Go duration; an unquoted number is none.
std::optional<Duration> as_go_timeout(const config::Value& value);

}  // namespace heal::probe
