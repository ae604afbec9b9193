#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal::remedy {

/// The last heal of a target that was verified.
struct LastHeal {
  std::string incident_id;
  WallTime verified_at{};

  bool operator==(const LastHeal&) const = default;
};

/// What must be remembered of a target beyond its incidents: for cooldown, budget and late evidence. Persisted under
/// `target/<target>`.
struct TargetHistory {
  std::vector<WallTime> attempts;         ///< when steps were begun, oldest first; the newest 100
  std::optional<WallTime> cooldown_from;  ///< when steps last ended (or began, while they run)
  std::optional<WallTime> held_since;     ///< a verified heal has held for its stay_healthy: the cooldown is over
  std::optional<LastHeal> last_heal;

  /// Steps begin.
  void began(WallTime at);
  /// Steps ended, however.
  void ended(WallTime at);
  /// Verified.
  void healed(const std::string& incident_id, WallTime at);
  /// stay_healthy has passed.
  void held(WallTime at) { held_since = at; }

  /// Attempts in `(now − window, now]`, and those that a clock set back has put into the future.
  std::size_t attempts_since(WallTime now, Duration window) const;

  bool operator==(const TargetHistory&) const = default;
};

std::string to_json_text(const TargetHistory& history);
Result<TargetHistory> parse_target_history(const std::string& text);
/// The store's key for the history of `target`.
std::string history_key(const std::string& target);
inline constexpr std::string_view kHistoryPrefix = "target/";

}  // namespace heal::remedy
