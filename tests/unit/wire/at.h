#pragma once

#include <string_view>

#include "common/base/time.h"

namespace heal {

/// The time that an RFC 3339 text says.
inline WallTime at(std::string_view text) {
  return parse_rfc3339(text).value().value();
}

}  // namespace heal
