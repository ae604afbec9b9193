#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/model/matcher.h"
#include "common/playbook/text_template.h"

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

/// At most `attempts` heals of a target begun within `window`; one more opens the breaker of playbook and target, which
/// a person closes, or a new fault after the target was healthy for `healthy`.
struct BudgetGuard {
  GuardSwitch state = GuardSwitch::kOn;
  std::uint32_t attempts = 3;
  Duration window = 1h;
  Duration healthy = 1h;
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

/// A target that was healed `heals` times within `window` and is broken again flaps: healing does not help it. Opens
/// the breaker too.
struct FlapGuard {
  GuardSwitch state = GuardSwitch::kOn;
  std::uint32_t heals = 5;
  Duration window = 6h;
  OnError on_error = OnError::kBlock;
  bool operator==(const FlapGuard&) const = default;
};

/// At most so many incidents whose steps or verification run: of the target's group, and in all.
struct InFlightGuard {
  GuardSwitch state = GuardSwitch::kOn;
  std::uint32_t per_group = 1;
  std::uint32_t total = 10;
  OnError on_error = OnError::kBlock;
  bool operator==(const InFlightGuard&) const = default;
};

/// How many members of a group may be unhealthy, the target included, for one of them to be acted on: `percent` of all
/// members, rounded down, but never less than `at_least`.
struct PopulationGuard {
  GuardSwitch state = GuardSwitch::kOn;
  Template group;  ///< over labels.* and target.*; "": the target's own
  std::uint32_t percent = 50;
  std::uint32_t at_least = 1;
  Duration timeout = 5s;  ///< of asking all members
  OnError on_error = OnError::kBlock;
  /// The greatest number of unhealthy members at which something may be done, of `members`.
  std::size_t most_unhealthy(std::size_t members) const;
  bool operator==(const PopulationGuard&) const = default;
};

/// Nothing is begun while an alert is active that matches one of these, apart from the trigger itself.
struct BlockingAlertsGuard {
  GuardSwitch state = GuardSwitch::kOn;
  std::vector<std::vector<Matcher>> any;  ///< all matchers of one of them must match; empty: nothing blocks
  Duration timeout = 5s;                  ///< of one question
  OnError on_error = OnError::kBlock;
  bool operator==(const BlockingAlertsGuard&) const = default;
};

/// All guards with their safe defaults.
struct GuardSettings {
  CooldownGuard cooldown;
  BudgetGuard budget;
  FreshEvidenceGuard fresh_evidence;
  FlapGuard flap;
  InFlightGuard in_flight;
  PopulationGuard population;
  BlockingAlertsGuard blocking_alerts;
  bool operator==(const GuardSettings&) const = default;
};

/// Reads a `guards:` map over `settings`, which holds what applies when a key is left out. A guard is a map of its
/// settings, or `off`; cooldown may be a bare duration.
void read_guards(const config::Value& value, GuardSettings& settings);

/// The names of all guards.
std::vector<std::string> guard_names();

}  // namespace heal::playbook
