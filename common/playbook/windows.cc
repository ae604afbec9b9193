#include "common/playbook/windows.h"

#include <fmt/format.h>

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

std::optional<std::chrono::minutes> as_time_of_day(const Value& value) {
  const auto text = config::as_string(value);
  if (!text) return std::nullopt;
  const auto time = parse_time_of_day(*text);
  if (time) return *time;
  value.error(fmt::format("{}: {}", value.name(), time.error().message()));
  return std::nullopt;
}

std::optional<std::bitset<7>> as_days(const Value& value) {
  const auto names = config::as_list(config::as_nonempty_string)(value);
  if (!names) return std::nullopt;
  std::bitset<7> out;
  for (const auto& name : *names) {
    if (const auto added = add_days(name, out); !added) {
      value.error(fmt::format("{}: {}", value.name(), added.error().message()));
      return std::nullopt;
    }
  }
  if (out.any()) return out;
  value.error("a window without days is never open");
  return std::nullopt;
}

}  // namespace

std::optional<TimeZone> as_time_zone(const Value& value) {
  const auto name = config::as_nonempty_string(value);
  if (!name) return std::nullopt;
  auto zone = TimeZone::load(*name);
  if (zone) return *zone;
  value.error(zone.error().message());
  return std::nullopt;
}

std::optional<TimeWindow> read_time_window(const Value& value) {
  TimeWindow out;
  MapReader map(value, "a window");
  map.optional("days", out.days, as_days);
  map.required("from", out.from, as_time_of_day);
  map.required("to", out.to, as_time_of_day);
  map.optional("zone", out.zone, as_time_zone);
  map.finish();
  if (map.is_map() && out.from >= std::chrono::hours(24)) value.error("a window begins before 24:00");
  return map.is_map() ? std::optional(out) : std::nullopt;
}

std::optional<std::vector<TimeWindow>> read_time_windows(const Value& value) {
  auto out = config::as_list(read_time_window)(value);
  if (out && value.is_list() && value.items().empty()) value.error("expected at least one window");
  return out;
}

std::string print_time_window(const TimeWindow& window) {
  constexpr const char* kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  std::vector<const char*> days;
  for (std::size_t i = 0; i < window.days.size(); ++i) {
    if (window.days[i]) days.push_back(kDays[i]);
  }
  const auto show = [](std::chrono::minutes time) { return fmt::format("{:02}:{:02}", time / 1h, time % 1h / 1min); };
  return fmt::format("{{days: [{}], from: \"{}\", to: \"{}\", zone: \"{}\"}}", fmt::join(days, ", "), show(window.from),
                     show(window.to), window.zone.name());
}

}  // namespace heal::playbook
