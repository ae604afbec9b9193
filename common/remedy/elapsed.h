#pragma once

#include <algorithm>

#include "common/base/time.h"

namespace heal::remedy {

/// How long before `now` something was that another clock has told the time of: never less than nothing, and a hundred
/// years at most, whatever was told.
inline Duration elapsed(WallTime then, WallTime now) {
  constexpr Duration kMost = 100 * 365 * 24h;
  return then >= now ? Duration{} : then <= now - kMost ? kMost : now - then;
}

}  // namespace heal::remedy
