#include "common/model/time_window.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal {
namespace {

using std::chrono::local_days;
using Days = std::chrono::days;

constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::chrono::minutes kDay{24 * 60};
/// A window comes again each week.
constexpr int kMostDaysToEdge = 9;

struct Stretch {
  WallTime begin, end;
};

std::optional<Stretch> stretch_on(const TimeWindow& window, local_days day) {
  if (!window.days[std::chrono::weekday(day).c_encoding()]) return std::nullopt;
  const auto last = window.to <= window.from ? day + Days(1) : day;
  return Stretch{window.zone.first_moment_of(LocalTime(day + window.from)),
                 window.zone.last_moment_of(LocalTime(last + window.to))};
}

std::optional<std::size_t> weekday_of(std::string_view text) {
  const auto it = std::find(kDays.begin(), kDays.end(), to_lower(text));
  return it == kDays.end() ? std::nullopt : std::optional(static_cast<std::size_t>(it - kDays.begin()));
}

}  // namespace

bool TimeWindow::contains(WallTime at) const {
  const auto today = std::chrono::floor<Days>(zone.to_local(at));
  for (const auto day : {today - Days(1), today}) {
    const auto stretch = stretch_on(*this, local_days(day));
    if (stretch && at >= stretch->begin && at < stretch->end) return true;
  }
  return false;
}

std::optional<WallTime> TimeWindow::next_change(WallTime at) const {
  const bool is_open = contains(at);
  auto day = local_days(std::chrono::floor<Days>(zone.to_local(at))) - Days(1);
  std::optional<WallTime> first;
  for (int i = 0; i < kMostDaysToEdge; ++i, day += Days(1)) {
    const auto stretch = stretch_on(*this, day);
    if (!stretch) continue;
    for (const WallTime edge : {stretch->begin, stretch->end}) {
      // Stretches that touch are one: their common edge changes nothing.
      if (edge > at && contains(edge) != is_open && (!first || edge < *first)) first = edge;
    }
  }
  return first;
}

std::string TimeWindow::str() const {
  std::string names;
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    const std::size_t day = (i + 1) % kDays.size();
    if (days[day]) names += fmt::format("{}{}", names.empty() ? "" : ", ", kDays[day]);
  }
  const auto show = [](std::chrono::minutes time) { return fmt::format("{:02}:{:02}", time / 1h, time % 1h / 1min); };
  return fmt::format("{} {} to {} {}",
                     days.all()      ? "every day"
                     : names.empty() ? "never"
                                     : names,
                     show(from), show(to), zone.name());
}

Result<std::chrono::minutes> parse_time_of_day(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() == 2 && parts[0].size() == 2 && parts[1].size() == 2) {
    const auto hours = parse_int(parts[0]), minutes = parse_int(parts[1]);
    if (hours && minutes && *hours >= 0 && *minutes >= 0 && *minutes < 60) {
      const std::chrono::minutes time(*hours * 60 + *minutes);
      if (time <= kDay) return time;
    }
  }
  return make_error(ErrorCode::kInvalid, "expected a time of day from 00:00 to 24:00, got \"{}\"", printable(text, 40));
}

Status add_days(std::string_view text, std::bitset<7>& days) {
  const auto dash = text.find('-');
  const auto first = weekday_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : weekday_of(text.substr(dash + 1));
  if (!first || !last)
    return make_error(ErrorCode::kInvalid, "expected a day (mon) or a range of days (mon-fri), got \"{}\"",
                      printable(text, 40));
  for (std::size_t day = *first;; day = (day + 1) % kDays.size()) {
    days.set(day);
    if (day == *last) return {};
  }
}

}  // namespace heal
