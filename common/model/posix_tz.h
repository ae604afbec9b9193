#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "common/base/result.h"

namespace heal {

/// The rule at the end of a TZif file, for all times after its table: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX TZ with RFC
/// 8536's extensions).
struct PosixTz {
  /// The day of a year on which clocks change, and when on it.
  struct Change {
    enum class Kind { kMonthWeekDay, kJulian, kZeroBased } kind = Kind::kMonthWeekDay;
    int month = 1, week = 1, day = 0;  ///< kMonthWeekDay: week 5 is the last; otherwise `day` alone
    std::chrono::seconds time = std::chrono::hours(2);
  };
  std::chrono::seconds standard{};             ///< east of UTC
  std::optional<std::chrono::seconds> summer;  ///< absent: the clocks never change
  Change begin, end;                           ///< of summer time, in the local time before the change

  static Result<PosixTz> parse(std::string_view text);
  std::chrono::seconds offset_at(std::chrono::sys_seconds at) const;
};

}  // namespace heal
