#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/model/time_window.h"
#include "common/playbook/guards.h"

namespace heal::playbook {

/// What stops everything at once, besides the API's lever: a file that must say `run`.
struct LeverSettings {
  std::string file;  ///< "": none; relative to heal.yml
  bool operator==(const LeverSettings&) const = default;
};

/// More than `incidents` incidents on different targets within `window` are one trouble that restarts do not heal:
/// nothing is begun until it has been quiet for `cooldown`.
struct StormBrake {
  GuardSwitch state = GuardSwitch::kOn;
  std::uint32_t incidents = 10;
  Duration window = 1min;
  Duration cooldown = 5min;
  bool operator==(const StormBrake&) const = default;
};

/// How far back incidents are remembered for the storm brake.
inline constexpr Duration kLongestStormWindow = 1h;

/// Times at which nothing may be begun, or at which alone something may.
struct ChangeWindow {
  enum class Effect { kDeny, kAllow };
  std::string name;
  Effect effect = Effect::kDeny;
  std::vector<TimeWindow> times;       ///< while any of them is open
  std::vector<std::string> playbooks;  ///< it holds for these; empty: all
  std::vector<std::string> groups;     ///< and for targets of these; empty: all

  bool holds_for(const std::string& playbook, const std::string& group) const;
  /// The first of its times that is open.
  const TimeWindow* open_at(WallTime at) const;
  /// When one of its times next opens or closes.
  std::optional<WallTime> next_change(WallTime at) const;
  bool operator==(const ChangeWindow&) const = default;
};

/// What holds for everything that heal.yml names.
struct SafetySettings {
  LeverSettings lever;
  StormBrake storm;
  std::vector<ChangeWindow> windows;
  bool operator==(const SafetySettings&) const = default;
};

/// Reads the keys `lever`, `storm` and `windows` of heal.yml.
void read_safety(config::MapReader& map, SafetySettings& out);

/// The same keys as YAML, for `--config.print`.
std::string print_safety(const SafetySettings& safety);

}  // namespace heal::playbook
