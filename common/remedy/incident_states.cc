#include "common/remedy/incident_states.h"

namespace heal::remedy {
namespace {

constexpr std::array<std::string_view, kIncidentEventCount> kEventNames{
    "unmatched", "plan",  "hold",   "refuse",   "stale",   "start", "steps_done", "verified", "fail", "halt", "requeue",
    "relapse",   "close", "cancel", "evidence", "resolve", "undo",  "await",      "escalate", "page", "after"};

}  // namespace

std::optional<IncidentEvent> parse_incident_event(std::string_view text) {
  for (std::size_t i = 0; i < kIncidentEventCount; ++i) {
    if (kEventNames[i] == text) return static_cast<IncidentEvent>(i);
  }
  return std::nullopt;
}

std::string_view to_string(IncidentEvent event) {
  return kEventNames[static_cast<std::size_t>(event)];
}

}  // namespace heal::remedy
