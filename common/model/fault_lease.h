#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/model/target.h"

namespace heal {

/// No fault is injected for longer, whatever is configured and asked for.
inline constexpr Duration kLongestFault = std::chrono::minutes(30);

/// A fault that we injected and must undo. Written before anything is touched.
struct FaultLease {
  enum class State { kIntended, kApplied, kReverting, kReverted, kRevertFailed };
  std::string id;
  std::string kind;  ///< stop, kill, crash, pause, partition
  TargetId target;
  State state = State::kIntended;  ///< intended after a restart counts as applied
  WallTime injected_at{};          ///< just before it was touched
  WallTime deadline{};
  std::string owner;       ///< who asked
  std::string original;    ///< JSON: the container's identity and state before
  std::string undo;        ///< JSON: what undo needs
  std::string last_error;  ///< of the last attempt to undo
  bool pages = false;      ///< people are called about what comes of it; of other drills they are not told
  std::optional<WallTime> reverted_at{};

  bool operator==(const FaultLease&) const = default;
};
std::string_view to_string(FaultLease::State state);
std::optional<FaultLease::State> parse_lease_state(std::string_view text);

}  // namespace heal
