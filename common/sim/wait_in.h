#pragma once

#include <stop_token>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/clock.h"

namespace heal {

/// Lets `delay` pass on `clock` as a slow answer would: kTimeout when `deadline` comes first, kCancelled when a stop is
/// requested first or was before.
Status wait_in(Clock& clock, Duration delay, Deadline deadline, std::stop_token stop, std::string_view what);

}  // namespace heal
