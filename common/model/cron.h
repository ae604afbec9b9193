#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/time_zone.h"

namespace heal {

/// When something is to happen, as crontab(5) writes it: `minute hour day-of-month month day-of-week`, each `*`, a
/// number, a range, a list, with steps; names of months and days; 0 and 7 are Sunday. When both days are given, either
/// will do. Also `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
class CronSchedule {
 public:
  /// kInvalid, naming the field and what was expected.
  static Result<CronSchedule> parse(std::string_view text);

  const std::string& text() const { return text_; }
  /// The next moment after `after`, by `zone`'s clocks; nullopt when there is none (30 February). When clocks change: a
  /// schedule of every hour (`*`, `*/2`) follows real time, so that hours that are left out are left out and those that
  /// come twice count twice; at fixed hours it happens once each day, at the moment of the jump when its time is left
  /// out, and at the first of two.
  std::optional<WallTime> next_after(WallTime after, const TimeZone& zone) const;

  bool operator==(const CronSchedule& other) const { return text_ == other.text_; }

 private:
  bool is_day(std::chrono::year_month_day date) const;
  std::vector<WallTime> moments_on(std::chrono::local_days day, const TimeZone& zone) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<8> weekdays_;  // 0 and 7: Sunday
  bool is_every_hour_ = false, is_every_day_ = false, is_every_weekday_ = false;
};

}  // namespace heal
