#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"

namespace heal::playbook {

/// What a guard decides when it cannot find out: kBlock does not act.
enum class OnError { kBlock, kAllow };
std::string_view to_string(OnError on_error);

enum class GuardSwitch { kOn, kOff };

/// At least `period` between the end of one heal of a target and the next.
struct CooldownGuard {
  GuardSwitch state = GuardSwitch::kOn;
  Duration period = 5min;
  OnError on_error = OnError::kBlock;
  bool operator==(const CooldownGuard&) const = default;
};

/// At most `attempts` heals of a target begun within `window`.
struct BudgetGuard {
  GuardSwitch state = GuardSwitch::kOn;
  std::uint32_t attempts = 3;
  Duration window = 1h;
  OnError on_error = OnError::kBlock;
  bool operator==(const BudgetGuard&) const = default;
};

/// Just before acting, the event's own source is asked again.
struct FreshEvidenceGuard {
  GuardSwitch state = GuardSwitch::kOn;
  Duration timeout = 5s;  ///< of one question
  OnError on_error = OnError::kBlock;
  bool operator==(const FreshEvidenceGuard&) const = default;
};

/// All guards with their safe defaults.
struct GuardSettings {
  CooldownGuard cooldown;
  BudgetGuard budget;
  FreshEvidenceGuard fresh_evidence;
  bool operator==(const GuardSettings&) const = default;
};

/// Reads a `guards:` map over `settings`, which holds what applies when a key is left out. A guard is a map of its
/// settings, or `off`; cooldown may be a bare duration.
void read_guards(const config::Value& value, GuardSettings& settings);

/// The names of all guards.
std::vector<std::string> guard_names();

}  // namespace heal::playbook
