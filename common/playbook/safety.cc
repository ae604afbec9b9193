#include "common/playbook/safety.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/playbook/quotes.h"
#include "common/playbook/reading.h"
#include "common/playbook/windows.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

void read_lever(const Value& value, LeverSettings& out) {
  MapReader map(value, "\"lever\"");
  map.required("file", out.file, config::as_nonempty_string);
  map.finish();
}

void read_storm(const Value& value, StormBrake& out) {
  if (value.is_scalar() && value.text() == "off") {
    out.state = GuardSwitch::kOff;
    return;
  }
  if (!value.is_map()) return value.must_be("off, or a map of incidents, window and cooldown");
  MapReader map(value, "\"storm\"");
  std::int64_t incidents = out.incidents;
  map.optional("incidents", incidents, config::as_integer(1, 1000));
  out.incidents = static_cast<std::uint32_t>(incidents);
  map.optional("window", out.window, config::as_positive_duration);
  map.optional("cooldown", out.cooldown, config::as_positive_duration);
  map.finish();
  if (out.window > kLongestStormWindow)
    value.error(fmt::format("\"window\" of \"storm\" is longer than {}", format_duration(kLongestStormWindow)));
}

std::optional<ChangeWindow> read_change_window(const Value& value) {
  ChangeWindow out;
  MapReader map(value, "a window");
  map.required("name", out.name, as_identifier);
  const bool denies = map.optional("deny", out.times, read_time_windows);
  const bool allows = map.optional("allow", out.times, read_time_windows);
  out.effect = allows ? ChangeWindow::Effect::kAllow : ChangeWindow::Effect::kDeny;
  if (map.is_map() && map.has("deny") == map.has("allow"))
    value.error("a window needs \"deny\" or \"allow\", not both", "a list of {days, from, to, zone}");
  map.optional("playbooks", out.playbooks, config::as_list(as_identifier));
  map.optional("groups", out.groups, config::as_list(config::as_nonempty_string));
  map.finish();
  return map.is_map() && (denies || allows) ? std::optional(out) : std::nullopt;
}

std::string print_window(const ChangeWindow& window) {
  std::string times;
  for (const auto& time : window.times)
    times += (times.empty() ? "" : ", ") + print_time_window(time);
  return fmt::format("  - {{name: {}, {}: [{}], playbooks: {}, groups: {}}}\n", window.name,
                     window.effect == ChangeWindow::Effect::kDeny ? "deny" : "allow", times,
                     list_in_quotes(window.playbooks), list_in_quotes(window.groups));
}

bool admits(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool ChangeWindow::holds_for(const std::string& playbook, const std::string& group) const {
  return admits(playbooks, playbook) && admits(groups, group);
}

const TimeWindow* ChangeWindow::open_at(WallTime at) const {
  const auto open = std::find_if(times.begin(), times.end(), [&](const TimeWindow& time) { return time.contains(at); });
  return open == times.end() ? nullptr : &*open;
}

std::optional<WallTime> ChangeWindow::next_change(WallTime at) const {
  std::optional<WallTime> first;
  for (const auto& time : times) {
    const auto next = time.next_change(at);
    if (next && (!first || *next < *first)) first = next;
  }
  return first;
}

void read_safety(MapReader& map, SafetySettings& out) {
  if (const auto lever = map.find("lever")) read_lever(*lever, out.lever);
  if (const auto storm = map.find("storm")) read_storm(*storm, out.storm);
  map.optional("windows", out.windows, config::as_list(read_change_window));
}

std::string print_safety(const SafetySettings& safety) {
  std::string out;
  if (!safety.lever.file.empty()) out += fmt::format("lever: {{file: {}}}\n", in_quotes(safety.lever.file));
  const auto& storm = safety.storm;
  out += storm.state == GuardSwitch::kOff
             ? "storm: off\n"
             : fmt::format("storm: {{incidents: {}, window: {}, cooldown: {}}}\n", storm.incidents,
                           format_duration(storm.window), format_duration(storm.cooldown));
  if (!safety.windows.empty()) out += "windows:\n";
  for (const auto& window : safety.windows)
    out += print_window(window);
  return out;
}

}  // namespace heal::playbook
