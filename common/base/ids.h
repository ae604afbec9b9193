#pragma once

#include <cstdint>
#include <string>

#include "common/base/time.h"

namespace heal {

/// A ULID: 26 characters of Crockford base 32, sortable by `time` (milliseconds) and then by `entropy`, of which 80
/// bits are used. Source: github.com/ulid/spec.
std::string make_ulid(WallTime time, std::uint64_t entropy_high, std::uint64_t entropy_low);

}  // namespace heal
