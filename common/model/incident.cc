#include "common/model/incident.h"

#include <array>
#include <utility>

namespace heal {
namespace {

using enum IncidentState;
constexpr std::array<std::pair<IncidentState, std::string_view>, 15> kNames{{{kReceived, "received"},
                                                                             {kHeld, "held"},
                                                                             {kSuppressed, "suppressed"},
                                                                             {kUnmatched, "unmatched"},
                                                                             {kPlanned, "planned"},
                                                                             {kAwaitingApproval, "awaiting_approval"},
                                                                             {kExecuting, "executing"},
                                                                             {kVerifying, "verifying"},
                                                                             {kRecovered, "recovered"},
                                                                             {kFailed, "failed"},
                                                                             {kEscalated, "escalated"},
                                                                             {kInterrupted, "interrupted"},
                                                                             {kCancelled, "cancelled"},
                                                                             {kStale, "stale"},
                                                                             {kClosed, "closed"}}};

std::optional<Duration> between(const std::optional<WallTime>& from, const std::optional<WallTime>& to) {
  if (!from || !to) return std::nullopt;
  return *to - *from;
}

}  // namespace

std::string_view to_string(IncidentState state) {
  return kNames[static_cast<std::size_t>(state)].second;
}

std::optional<IncidentState> parse_incident_state(std::string_view text) {
  for (const auto& [state, name] : kNames) {
    if (name == text) return state;
  }
  return std::nullopt;
}

bool is_terminal(IncidentState state) {
  switch (state) {
    case kSuppressed:
    case kUnmatched:
    case kFailed:
    case kInterrupted:
    case kCancelled:
    case kStale:
    case kClosed:
      return true;
    default:
      return false;
  }
}

std::optional<Duration> IncidentTimes::time_to_detect() const {
  return between(failed_at, detected_at);
}
std::optional<Duration> IncidentTimes::time_to_recover() const {
  return between(detected_at, verified_at);
}

}  // namespace heal
