#include "common/base/time.h"

#include <array>
#include <cmath>
#include <limits>

#include "common/base/text.h"

namespace heal {
namespace {

using std::chrono::duration_cast;

struct Unit {
  std::string_view name;
  Duration length;
};

constexpr std::array<Unit, 7> kPrometheusUnits{{{"y", std::chrono::hours(24 * 365)},
                                                {"w", std::chrono::hours(24 * 7)},
                                                {"d", std::chrono::hours(24)},
                                                {"h", std::chrono::hours(1)},
                                                {"m", std::chrono::minutes(1)},
                                                {"s", std::chrono::seconds(1)},
                                                {"ms", std::chrono::milliseconds(1)}}};

constexpr std::array<Unit, 8> kGoUnits{{{"ns", std::chrono::nanoseconds(1)},
                                        {"us", std::chrono::microseconds(1)},
                                        {"\xC2\xB5s", std::chrono::microseconds(1)},
                                        {"\xCE\xBCs", std::chrono::microseconds(1)},
                                        {"ms", std::chrono::milliseconds(1)},
                                        {"s", std::chrono::seconds(1)},
                                        {"m", std::chrono::minutes(1)},
                                        {"h", std::chrono::hours(1)}}};

Error bad_duration(std::string_view text) {
  return make_error(ErrorCode::kInvalid, "\"{}\" is not a duration (expected for example \"30s\", \"5m\" or \"1h30m\")",
                    text.substr(0, 64));
}

/// The digits at the front of `text` as a number; nullopt when there are none or they do not fit.
std::optional<std::int64_t> take_integer(std::string_view& text) {
  std::int64_t value = 0;
  std::size_t used = 0;
  for (; used < text.size() && is_digit(text[used]); ++used) {
    if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
        __builtin_add_overflow(value, std::int64_t{text[used] - '0'}, &value)) {
      return std::nullopt;
    }
  }
  if (used == 0) return std::nullopt;
  text.remove_prefix(used);
  return value;
}

std::string_view take_unit(std::string_view& text) {
  std::size_t used = 0;
  while (used < text.size() && !is_digit(text[used]) && text[used] != '.')
    ++used;
  const auto unit = text.substr(0, used);
  text.remove_prefix(used);
  return unit;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  std::string_view rest = text;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    const auto amount = take_integer(rest);
    const auto unit = take_unit(rest);
    if (!amount) return bad_duration(text);
    while (next_unit < kPrometheusUnits.size() && kPrometheusUnits[next_unit].name != unit)
      ++next_unit;
    if (next_unit == kPrometheusUnits.size()) return bad_duration(text);
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*amount, kPrometheusUnits[next_unit].length.count(), &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return make_error(ErrorCode::kInvalid, "duration \"{}\" is too long", text.substr(0, 64));
    }
    ++next_unit;
  }
  if (text.empty()) return bad_duration(text);
  return Duration(total);
}

Result<Duration> parse_go_duration(std::string_view text) {
  std::string_view rest = text;
  double sign = 1;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    sign = rest[0] == '-' ? -1 : 1;
    rest.remove_prefix(1);
  }
  if (rest == "0") return Duration::zero();
  if (rest.empty()) return bad_duration(text);
  long double total = 0;
  while (!rest.empty()) {
    const auto whole = take_integer(rest);
    long double amount = static_cast<long double>(whole.value_or(0));
    bool has_fraction = false;
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      long double scale = 0.1L;
      for (; !rest.empty() && is_digit(rest[0]); rest.remove_prefix(1), scale /= 10) {
        amount += scale * static_cast<long double>(rest[0] - '0');
        has_fraction = true;
      }
    }
    if (!whole && !has_fraction) return bad_duration(text);
    const auto unit_name = take_unit(rest);
    const Unit* unit = nullptr;
    for (const auto& candidate : kGoUnits) {
      if (candidate.name == unit_name) unit = &candidate;
    }
    if (unit == nullptr) return bad_duration(text);
    total += amount * static_cast<long double>(unit->length.count());
  }
  if (total > static_cast<long double>(std::numeric_limits<std::int64_t>::max())) {
    return make_error(ErrorCode::kInvalid, "duration \"{}\" is too long", text.substr(0, 64));
  }
  return Duration(static_cast<std::int64_t>(std::roundl(total * static_cast<long double>(sign))));
}

std::string format_duration(Duration duration) {
  auto left = duration_cast<std::chrono::milliseconds>(duration).count();
  if (left == 0) return "0s";
  std::string out = left < 0 ? "-" : "";
  left = std::abs(left);
  for (const auto& unit : kPrometheusUnits) {
    if (unit.name == "y" || unit.name == "w") continue;
    const auto length = duration_cast<std::chrono::milliseconds>(unit.length).count();
    if (left >= length) out += fmt::format("{}{}", left / length, unit.name);
    left %= length;
  }
  return out;
}

std::string format_duration_short(Duration duration) {
  const double seconds = to_seconds(duration);
  const double size = std::fabs(seconds);
  if (size < 0.9995) return fmt::format("{:.0f}ms", seconds * 1000);
  if (size < 59.995) return fmt::format("{:.2f}s", seconds);
  const auto whole = std::llround(size);
  const char* sign = seconds < 0 ? "-" : "";
  if (whole < 3600) return fmt::format("{}{}m{:02}s", sign, whole / 60, whole % 60);
  return fmt::format("{}{}h{:02}m", sign, whole / 3600, whole % 3600 / 60);
}

double to_seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

Duration from_seconds(double seconds) {
  constexpr double kLimit = 9.2e9;
  if (std::isnan(seconds)) return Duration::zero();
  if (seconds >= kLimit) return Duration::max();
  if (seconds <= -kLimit) return Duration::min();
  return Duration(std::llround(seconds * 1e9));
}

namespace {

/// Reads fixed-width numbers and literal characters from the front of a text, remembering any failure.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  int digits(std::size_t width) {
    if (text_.size() < width) return fail();
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (!is_digit(text_[i])) return fail();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(width);
    return value;
  }
  char one_of(std::string_view allowed) {
    if (text_.empty() || allowed.find(text_[0]) == std::string_view::npos) return static_cast<char>(fail());
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  /// Nanoseconds of an optional `.fraction` of 1 to 9 digits.
  std::int64_t fraction() {
    if (text_.empty() || text_[0] != '.') return 0;
    text_.remove_prefix(1);
    std::int64_t value = 0;
    int used = 0;
    for (; !text_.empty() && is_digit(text_[0]); text_.remove_prefix(1), ++used) {
      if (used == 9) return fail();
      value = value * 10 + (text_[0] - '0');
    }
    if (used == 0) return fail();
    for (; used < 9; ++used)
      value *= 10;
    return value;
  }
  bool done() const { return ok_ && text_.empty(); }

 private:
  int fail() {
    ok_ = false;
    text_ = {};
    return 0;
  }
  std::string_view text_;
  bool ok_ = true;
};

}  // namespace

Result<std::optional<WallTime>> parse_rfc3339(std::string_view text) {
  namespace chr = std::chrono;
  const auto bad = [&] {
    return make_error(ErrorCode::kInvalid,
                      "\"{}\" is not an RFC 3339 time (expected for example \"2030-01-02T03:04:05Z\")",
                      text.substr(0, 64));
  };
  FieldReader in(text);
  const int year = in.digits(4);
  in.one_of("-");
  const int month = in.digits(2);
  in.one_of("-");
  const int day = in.digits(2);
  in.one_of("Tt ");
  const int hour = in.digits(2);
  in.one_of(":");
  const int minute = in.digits(2);
  in.one_of(":");
  const int second = in.digits(2);
  const std::int64_t nanos = in.fraction();
  const char zone = in.one_of("Zz+-");
  int offset_minutes = 0;
  if (zone == '+' || zone == '-') {
    const int offset_hours = in.digits(2);
    in.one_of(":");
    const int minutes = in.digits(2);
    if (offset_hours > 23 || minutes > 59) return bad();
    offset_minutes = (zone == '-' ? -1 : 1) * (offset_hours * 60 + minutes);
  }
  const chr::year_month_day date{chr::year(year), chr::month(static_cast<unsigned>(month)),
                                 chr::day(static_cast<unsigned>(day))};
  if (!in.done() || !date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  if (year <= 1) return std::optional<WallTime>{};
  if (year < 1678 || year > 2261) {
    return make_error(ErrorCode::kInvalid, "the year of \"{}\" is out of range (1678 to 2261)", text.substr(0, 64));
  }
  const auto whole =
      chr::sys_days(date) + chr::hours(hour) + chr::minutes(minute - offset_minutes) + chr::seconds(second);
  return std::optional<WallTime>(WallTime(whole.time_since_epoch()) + chr::nanoseconds(nanos));
}

namespace {

std::string format_whole_seconds(WallTime time, std::int64_t& nanos) {
  namespace chr = std::chrono;
  const auto days = chr::floor<chr::days>(time);
  const chr::year_month_day date(days);
  const chr::hh_mm_ss clock(time - days);
  nanos = clock.subseconds().count();
  // By hand: it is written several times with every alert.
  std::string out = "0000-00-00T00:00:00";
  const auto put = [&out](std::size_t at, std::size_t digits, auto value) {
    for (; digits > 0; --digits, value /= 10)
      out[at + digits - 1] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, clock.hours().count());
  put(14, 2, clock.minutes().count());
  put(17, 2, clock.seconds().count());
  return out;
}

}  // namespace

std::string format_rfc3339(WallTime time) {
  std::int64_t nanos = 0;
  const auto whole = format_whole_seconds(time, nanos);
  return fmt::format("{}.{:03}Z", whole, nanos / 1'000'000);
}

std::string format_rfc3339_nano(WallTime time) {
  std::int64_t nanos = 0;
  auto out = format_whole_seconds(time, nanos);
  if (nanos != 0) {
    out += '.';
    for (std::int64_t unit = 100'000'000; unit > 0; unit /= 10)
      out += static_cast<char>('0' + nanos / unit % 10);
    while (out.back() == '0')
      out.pop_back();
  }
  out += 'Z';
  return out;
}

double to_unix_seconds(WallTime time) {
  return to_seconds(time.time_since_epoch());
}

}  // namespace heal
