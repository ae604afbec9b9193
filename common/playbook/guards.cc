#include "common/playbook/guards.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/playbook/reading.h"

namespace heal::playbook {
namespace {

using config::MapReader;
using config::Value;

const config::as_enum<OnError>& on_errors() {
  static const config::as_enum<OnError> words({{"block", OnError::kBlock}, {"allow", OnError::kAllow}});
  return words;
}

/// True when `value` is `off`, which is the only way to switch a guard off.
bool is_off(const Value& value) {
  return value.is_scalar() && value.text() == "off";
}

bool read_switch(const Value& value, GuardSwitch& state, std::string_view expected) {
  state = is_off(value) ? GuardSwitch::kOff : GuardSwitch::kOn;
  if (is_off(value) || value.is_map()) return value.is_map();
  value.must_be(expected);
  return false;
}

void read_cooldown(const Value& value, GuardSettings& settings) {
  auto& guard = settings.cooldown;
  const auto bare = value.is_scalar() ? parse_duration(value.text()) : Result<Duration>(Duration::zero());
  if (value.is_scalar() && bare && *bare > Duration::zero()) {
    guard.state = GuardSwitch::kOn;
    guard.period = *bare;
    return;
  }
  if (!read_switch(value, guard.state, "off, a duration of more than zero, or a map of period and on_error")) return;
  MapReader map(value, "guard \"cooldown\"");
  map.optional("period", guard.period, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

void read_budget(const Value& value, GuardSettings& settings) {
  auto& guard = settings.budget;
  if (!read_switch(value, guard.state, "off, or a map of attempts, window, healthy and on_error")) return;
  MapReader map(value, "guard \"budget\"");
  std::int64_t attempts = guard.attempts;
  map.optional("attempts", attempts, config::as_integer(1, 100));
  map.optional("window", guard.window, config::as_positive_duration);
  map.optional("healthy", guard.healthy, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
  guard.attempts = static_cast<std::uint32_t>(attempts);
}

void read_fresh_evidence(const Value& value, GuardSettings& settings) {
  auto& guard = settings.fresh_evidence;
  if (!read_switch(value, guard.state, "off, or a map of timeout and on_error")) return;
  MapReader map(value, "guard \"fresh_evidence\"");
  map.optional("timeout", guard.timeout, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

void read_count(MapReader& map, std::string_view key, std::uint32_t& out, std::int64_t least, std::int64_t most) {
  std::int64_t number = out;
  map.optional(key, number, config::as_integer(least, most));
  out = static_cast<std::uint32_t>(number);
}

void read_flap(const Value& value, GuardSettings& settings) {
  auto& guard = settings.flap;
  if (!read_switch(value, guard.state, "off, or a map of heals, window and on_error")) return;
  MapReader map(value, "guard \"flap\"");
  read_count(map, "heals", guard.heals, 1, 100);
  map.optional("window", guard.window, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

void read_in_flight(const Value& value, GuardSettings& settings) {
  auto& guard = settings.in_flight;
  if (!read_switch(value, guard.state, "off, or a map of per_group, total and on_error")) return;
  MapReader map(value, "guard \"in_flight\"");
  read_count(map, "per_group", guard.per_group, 1, 1000);
  read_count(map, "total", guard.total, 1, 1000);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

void read_population(const Value& value, GuardSettings& settings) {
  auto& guard = settings.population;
  if (!read_switch(value, guard.state, "off, or a map of group, max_unhealthy, timeout and on_error")) return;
  MapReader map(value, "guard \"population\"");
  if (const auto group = map.find("group"))
    guard.group = read_template(*group, {{"labels", "target"}, nullptr, nullptr}).value_or(Template());
  if (const auto most = map.find("max_unhealthy")) {
    MapReader limits(*most, "\"max_unhealthy\"");
    // 100 would let the last healthy member be the next to be restarted.
    read_count(limits, "percent", guard.percent, 0, 99);
    read_count(limits, "at_least", guard.at_least, 0, 1000);
    limits.finish();
    if (guard.percent == 0 && guard.at_least == 0)
      most->error("percent and at_least are both 0: nothing could ever be done");
  }
  map.optional("timeout", guard.timeout, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

void read_blocking_alerts(const Value& value, GuardSettings& settings) {
  auto& guard = settings.blocking_alerts;
  const auto any = config::as_list(config::as_matchers);
  if (value.is_list()) {
    guard.state = GuardSwitch::kOn;
    guard.any = any(value).value_or(guard.any);
    return;
  }
  if (!read_switch(value, guard.state, "off, a list of matchers, or a map of any, timeout and on_error")) return;
  MapReader map(value, "guard \"blocking_alerts\"");
  map.required("any", guard.any, any);
  map.optional("timeout", guard.timeout, config::as_positive_duration);
  map.optional("on_error", guard.on_error, on_errors());
  map.finish();
}

/// The registry: a guard is a name and a reader here, a member of GuardSettings, and a file in remedy/guard/.
struct GuardReader {
  const char* name;
  void (*read)(const Value&, GuardSettings&);
};
constexpr std::array<GuardReader, 7> kGuards{{{"fresh_evidence", read_fresh_evidence},
                                              {"cooldown", read_cooldown},
                                              {"budget", read_budget},
                                              {"flap", read_flap},
                                              {"in_flight", read_in_flight},
                                              {"population", read_population},
                                              {"blocking_alerts", read_blocking_alerts}}};

/// Those that hold for everything at once: keys of heal.yml itself.
constexpr std::array<const char*, 4> kGlobal{"lever", "storm", "pauses", "windows"};

}  // namespace

std::string_view to_string(OnError on_error) {
  return on_error == OnError::kBlock ? "block" : "allow";
}

std::vector<std::string> guard_names() {
  std::vector<std::string> out;
  for (const auto& guard : kGuards)
    out.emplace_back(guard.name);
  return out;
}

void read_guards(const Value& value, GuardSettings& settings) {
  MapReader map(value, "\"guards\"");
  for (const auto& guard : kGuards) {
    if (const auto given = map.find(guard.name)) guard.read(*given, settings);
  }
  for (const auto* name : kGlobal) {
    if (map.has(name))
      map.value().key_error(*map.entry(name), fmt::format("\"{}\" is not a guard of one playbook", name),
                            name == std::string_view("pauses") ? "healctl pause" : "a key of heal.yml itself");
  }
  map.finish();
}

std::size_t PopulationGuard::most_unhealthy(std::size_t members) const {
  const std::size_t share = members * percent / 100;  // rounded down: fewer may be sick
  return std::min(std::max<std::size_t>(share, at_least), members);
}

}  // namespace heal::playbook
