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

/// What must be remembered of a target beyond its incidents: for cooldown, budget, flap detection and late
/// evidence. Persisted under
/// `target/<target>`.
struct TargetHistory {
  std::vector<WallTime> attempts;         ///< when steps were begun, oldest first; the newest 100
  std::optional<WallTime> cooldown_from;  ///< when steps last ended (or began, while they run)
  std::optional<WallTime> held_since;     ///< a verified heal has held for its stay_healthy: the cooldown is over
  std::optional<LastHeal> last_heal;
  std::vector<WallTime> heals;                ///< when heals were verified, oldest first; the newest 100
  std::optional<WallTime> healthy_since;      ///< known to be healthy, and no incident since
  std::optional<WallTime> was_healthy_since;  ///< the same before the incident that is open, or was the last one

  /// Steps begin.
  void began(WallTime at);
  /// Steps ended, however.
  void ended(WallTime at);
  /// Verified.
  void healed(const std::string& incident_id, WallTime at);
  /// stay_healthy has passed.
  void held(WallTime at) {
    held_since = at;
    is_healthy(at);
  }
  /// An incident begins.
  void troubled();
  /// Something shows that the trouble is over.
  void is_healthy(WallTime at);
  /// A person has looked, or it is a new problem: what was tried before does not count any more.
  void forgive();
  /// All of it happened so much earlier, by a clock that was set back since.
  void bring_forward(Duration by);
  /// The newest of its times; nullopt when it has none.
  std::optional<WallTime> newest() const;
  /// False for a target that nothing has ever been done to and nothing is known of.
  bool is_known() const { return *this != TargetHistory(); }

  /// Attempts in `(now − window, now]`, and those that a clock set back has put into the future.
  std::size_t attempts_since(WallTime now, Duration window) const;
  std::size_t attempts_after(WallTime moment) const;
  /// The same for verified heals.
  std::size_t heals_since(WallTime now, Duration window) const;

  bool operator==(const TargetHistory&) const = default;
};

std::string to_json_text(const TargetHistory& history);
Result<TargetHistory> parse_target_history(const std::string& text);
/// The store's key for the history of `target`.
std::string history_key(const std::string& target);
inline constexpr std::string_view kHistoryPrefix = "target/";

}  // namespace heal::remedy
