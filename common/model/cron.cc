#include "common/model/cron.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace heal {
namespace {

/// 29 February is at most eight years away.
constexpr int kMostDaysToNext = 366 * 8 + 2;
constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  int least, most;
  const std::string_view* words = nullptr;  ///< names of the values from `least` on
  std::size_t word_count = 0;
};
constexpr std::array<Field, 5> kFields{{{"minute", 0, 59},
                                        {"hour", 0, 23},
                                        {"day of month", 1, 31},
                                        {"month", 1, 12, kMonths.data(), kMonths.size()},
                                        {"day of week", 0, 7, kWeekdays.data(), kWeekdays.size()}}};

std::string_view expand(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kShort{{{"@hourly", "0 * * * *"},
                                                                                 {"@daily", "0 0 * * *"},
                                                                                 {"@midnight", "0 0 * * *"},
                                                                                 {"@weekly", "0 0 * * 0"},
                                                                                 {"@monthly", "0 0 1 * *"},
                                                                                 {"@yearly", "0 0 1 1 *"}}};
  for (const auto& [word, meaning] : kShort) {
    if (text == word) return meaning;
  }
  return text;
}

Error wrong(const Field& field, std::string_view text) {
  return make_error(ErrorCode::kInvalid, "{}: expected *, {} to {}, a range, a list or a step, got \"{}\"", field.name,
                    field.least, field.most, printable(text, 60));
}

std::optional<int> value_of(const Field& field, std::string_view text) {
  const std::string word = to_lower(text);
  for (std::size_t i = 0; i < field.word_count; ++i) {
    if (field.words[i] == word) return field.least + static_cast<int>(i);
  }
  const bool is_number = !text.empty() && text.size() <= 2 && text.find_first_not_of("0123456789") == text.npos;
  const auto number = is_number ? parse_int(text) : std::nullopt;
  if (!number || *number < field.least || *number > field.most) return std::nullopt;
  return static_cast<int>(*number);
}

/// `*`, `5`, `1-5`, `*/10`, `10-50/20`
template <std::size_t N>
Status read_part(const Field& field, std::string_view part, std::bitset<N>& out) {
  const auto slash = part.find('/');
  const std::string_view range = part.substr(0, slash);
  std::int64_t step = 1;
  if (slash != std::string_view::npos) {
    const auto given = parse_int(part.substr(slash + 1));
    if (!given || *given < 1 || *given > field.most) return wrong(field, part);
    step = *given;
  }
  std::optional<int> first = field.least, last = field.most;
  if (range != "*") {
    const auto dash = range.find('-');
    first = value_of(field, range.substr(0, dash));
    last = dash == std::string_view::npos ? (slash == std::string_view::npos ? first : std::optional(field.most))
                                          : value_of(field, range.substr(dash + 1));
  }
  if (!first || !last || *first > *last) return wrong(field, part);
  for (std::int64_t i = *first; i <= *last; i += step)
    out.set(static_cast<std::size_t>(i));
  return {};
}

template <std::size_t N>
Status read_field(const Field& field, std::string_view text, std::bitset<N>& out) {
  for (const std::string_view part : split(text, ',')) {
    HEAL_TRY_STATUS(read_part(field, part, out));
  }
  return {};
}

}  // namespace

Result<CronSchedule> CronSchedule::parse(std::string_view text) {
  CronSchedule out;
  out.text_ = std::string(trim(text));
  std::vector<std::string_view> fields;
  for (const std::string_view field : split(expand(out.text_), ' ')) {
    if (!field.empty()) fields.push_back(field);
  }
  if (fields.size() != kFields.size())
    return make_error(ErrorCode::kInvalid,
                      "expected five fields (minute, hour, day of month, month, day of week), got {}", fields.size());
  HEAL_TRY_STATUS(read_field(kFields[0], fields[0], out.minutes_));
  HEAL_TRY_STATUS(read_field(kFields[1], fields[1], out.hours_));
  HEAL_TRY_STATUS(read_field(kFields[2], fields[2], out.days_));
  HEAL_TRY_STATUS(read_field(kFields[3], fields[3], out.months_));
  HEAL_TRY_STATUS(read_field(kFields[4], fields[4], out.weekdays_));
  if (out.weekdays_[7]) out.weekdays_.set(0);
  out.is_every_hour_ = fields[1].front() == '*';
  out.is_every_day_ = fields[2].front() == '*';
  out.is_every_weekday_ = fields[4].front() == '*';
  return out;
}

bool CronSchedule::is_day(std::chrono::year_month_day date) const {
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  const bool by_date = days_[static_cast<unsigned>(date.day())];
  const bool by_weekday = weekdays_[std::chrono::weekday(std::chrono::local_days(date)).c_encoding()];
  if (is_every_day_ || is_every_weekday_) return by_date && by_weekday;
  return by_date || by_weekday;
}

std::vector<WallTime> CronSchedule::moments_on(std::chrono::local_days day, const TimeZone& zone) const {
  std::vector<WallTime> out;
  for (std::size_t hour = 0; hour < hours_.size(); ++hour) {
    for (std::size_t minute = 0; hours_[hour] && minute < minutes_.size(); ++minute) {
      if (!minutes_[minute]) continue;
      const LocalTime local = day + std::chrono::hours(hour) + std::chrono::minutes(minute);
      if (is_every_hour_) {
        for (const WallTime at : zone.moments_of(local))
          out.push_back(at);
      } else {
        out.push_back(zone.first_moment_of(local));
      }
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<WallTime> CronSchedule::next_after(WallTime after, const TimeZone& zone) const {
  auto day = std::chrono::floor<std::chrono::days>(zone.to_local(after)) - std::chrono::days(1);
  for (int i = 0; i < kMostDaysToNext; ++i, day += std::chrono::days(1)) {
    if (!is_day(std::chrono::year_month_day(day))) continue;
    const auto moments = moments_on(day, zone);
    const auto next = std::upper_bound(moments.begin(), moments.end(), after);
    if (next != moments.end()) return *next;
  }
  return std::nullopt;
}

}  // namespace heal
