#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/time_zone.h"

namespace heal {

/// A stretch of time that comes again each week: `mon-fri 22:00 to 06:00 Europe/Berlin`. It begins on each of `days` at
/// `from` and lasts until `to`, on the next day when that is not later. When clocks change it begins at the first and
/// ends at the last moment that its times stand for.
struct TimeWindow {
  std::bitset<7> days = std::bitset<7>().set();  ///< 0 is Sunday
  std::chrono::minutes from{0};                  ///< since midnight, below 24 hours
  std::chrono::minutes to{24 * 60};              ///< above 0, at most 24 hours
  TimeZone zone;

  bool contains(WallTime at) const;
  /// When it next opens or closes after `at`; nullopt for one that never does either (no days, or always).
  std::optional<WallTime> next_change(WallTime at) const;
  /// `mon, tue 22:00 to 06:00 Europe/Berlin`
  std::string str() const;

  bool operator==(const TimeWindow&) const = default;
};

/// `07:30`, `24:00` as minutes since midnight. kInvalid.
Result<std::chrono::minutes> parse_time_of_day(std::string_view text);
/// `mon`, `mon-fri`, `sat-mon`, added to `days`. kInvalid.
Status add_days(std::string_view text, std::bitset<7>& days);

}  // namespace heal
