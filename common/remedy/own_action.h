#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal::remedy {

/// When an incident's steps last had a target in their hands: from the first step that changed it to the end of the
/// run. What an engine tells of that time is our own doing, or is seen by the verification that follows: it is never a
/// failure of its own. Persisted under `acted/<target>`, so that a container which a playbook stopped on purpose is not
/// taken for a dead one after a restart.
struct OwnAction {
  std::string incident_id;
  WallTime from{};
  std::optional<WallTime> to;  ///< absent: still

  /// The engine's clock and ours may differ a little, and its events come after what they tell.
  static constexpr Duration kSlack = 1s;
  bool covers(WallTime at) const { return at >= from - kSlack && (!to || at <= *to + kSlack); }
  bool operator==(const OwnAction&) const = default;
};

std::string to_json_text(const OwnAction& action);
Result<OwnAction> parse_own_action(const std::string& text);
/// The store's key for `target`.
std::string own_action_key(const std::string& target);
inline constexpr std::string_view kOwnActionPrefix = "acted/";

}  // namespace heal::remedy
