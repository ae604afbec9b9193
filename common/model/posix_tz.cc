#include "common/model/posix_tz.h"

#include <algorithm>
#include <cctype>

#include "common/base/text.h"

namespace heal {
namespace {

using std::chrono::seconds;

/// Reads the parts of a rule from front to back. Every read says whether it found what it was asked for.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool is_done() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool name() {
    std::size_t length = 0;
    if (take('<')) {
      length = rest_.find('>');
      if (length == std::string_view::npos) return false;
      rest_.remove_prefix(length + 1);
      return length > 0;
    }
    while (length < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[length])) != 0)
      ++length;
    rest_.remove_prefix(length);
    return length >= 3;
  }
  bool number(int most, int& out) {
    std::size_t length = 0;
    int value = 0;
    while (length < rest_.size() && length < 4 && rest_[length] >= '0' && rest_[length] <= '9')
      value = value * 10 + (rest_[length++] - '0');
    rest_.remove_prefix(length);
    out = value;
    return length > 0 && value <= most;
  }
  /// `[+-]hh[:mm[:ss]]`
  bool time(int most_hours, seconds& out) {
    const bool is_negative = take('-');
    if (!is_negative) take('+');
    int hours = 0, minutes = 0, secs = 0;
    if (!number(most_hours, hours)) return false;
    if (take(':') && (!number(59, minutes) || (take(':') && !number(59, secs)))) return false;
    out = seconds(hours * 3600 + minutes * 60 + secs) * (is_negative ? -1 : 1);
    return true;
  }
  bool change(PosixTz::Change& out) {
    using Kind = PosixTz::Change::Kind;
    if (!take(',')) return false;
    bool is_good = false;
    if (take('M')) {
      out.kind = Kind::kMonthWeekDay;
      is_good = number(12, out.month) && take('.') && number(5, out.week) && take('.') && number(6, out.day) &&
                out.month >= 1 && out.week >= 1;
    } else if (take('J')) {
      out.kind = Kind::kJulian;
      is_good = number(365, out.day) && out.day >= 1;
    } else {
      out.kind = Kind::kZeroBased;
      is_good = number(365, out.day);
    }
    return is_good && (!take('/') || time(167, out.time));
  }

 private:
  std::string_view rest_;
};

std::chrono::sys_days day_of(const PosixTz::Change& change, std::chrono::year year) {
  using std::chrono::sys_days, std::chrono::month, std::chrono::weekday, std::chrono::days, std::chrono::January;
  switch (change.kind) {
    case PosixTz::Change::Kind::kMonthWeekDay: {
      const auto month_of = year / month(static_cast<unsigned>(change.month));
      const weekday day(static_cast<unsigned>(change.day));
      if (change.week == 5) return sys_days(month_of / day[std::chrono::last]);
      return sys_days(month_of / day[static_cast<unsigned>(change.week)]);
    }
    case PosixTz::Change::Kind::kJulian: {  // 29 February is never counted
      const bool is_after = year.is_leap() && change.day >= 60;
      return sys_days(year / January / 1) + days(change.day - (is_after ? 0 : 1));
    }
    case PosixTz::Change::Kind::kZeroBased:
      break;
  }
  return sys_days(year / January / 1) + days(change.day);
}

}  // namespace

Result<PosixTz> PosixTz::parse(std::string_view text) {
  PosixTz out;
  Reader reader(text);
  const auto wrong = [&] {
    return make_error(ErrorCode::kInvalid, "\"{}\" is no rule of a zone", printable(text, 80));
  };
  seconds west{};
  if (!reader.name() || !reader.time(24, west)) return wrong();
  out.standard = -west;
  if (reader.is_done()) return out;
  if (!reader.name()) return wrong();
  out.summer = out.standard + std::chrono::hours(1);
  Reader ahead = reader;
  if (ahead.time(24, west)) {
    out.summer = -west;
    reader = ahead;
  }
  if (!reader.change(out.begin) || !reader.change(out.end) || !reader.is_done()) return wrong();
  return out;
}

std::chrono::seconds PosixTz::offset_at(std::chrono::sys_seconds at) const {
  if (!summer) return standard;
  const auto local_day = std::chrono::floor<std::chrono::days>(at + standard);
  const auto year = std::chrono::year_month_day(local_day).year();
  const std::chrono::sys_seconds begins = day_of(begin, year) + begin.time - standard;
  const std::chrono::sys_seconds ends = day_of(end, year) + end.time - *summer;
  const bool is_summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;
  return is_summer ? *summer : standard;
}

}  // namespace heal
