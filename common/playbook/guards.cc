#include "common/playbook/guards.h"

#include <array>

#include <fmt/format.h>

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
  if (!read_switch(value, guard.state, "off, or a map of attempts, window and on_error")) return;
  MapReader map(value, "guard \"budget\"");
  std::int64_t attempts = guard.attempts;
  map.optional("attempts", attempts, config::as_integer(1, 1000));
  map.optional("window", guard.window, config::as_positive_duration);
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

/// The registry: a guard is a name and a reader here, a member of GuardSettings, and a file in remedy/guard/.
struct GuardReader {
  const char* name;
  void (*read)(const Value&, GuardSettings&);
};
constexpr std::array<GuardReader, 3> kGuards{
    {{"fresh_evidence", read_fresh_evidence}, {"cooldown", read_cooldown}, {"budget", read_budget}}};

/// Guards that are named elsewhere and would be missed if they were taken for a misspelling.
constexpr std::array<const char*, 4> kNotYet{"population", "in_flight", "storm", "blocking_alerts"};

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
  for (const auto* name : kNotYet) {
    if (map.has(name)) map.value().key_error(*map.entry(name), fmt::format("guard \"{}\" is not available yet", name));
  }
  map.finish();
}

}  // namespace heal::playbook
