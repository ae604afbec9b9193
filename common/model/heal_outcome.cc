#include "common/model/heal_outcome.h"

#include <string_view>

namespace heal {
namespace {

using enum IncidentState;

/// Whether what is closed was recovered until then; everything else was in a human's hands, or never tried.
bool is_end_of_recovered(std::string_view reason) {
  return reason == "stayed_healthy" || reason == "stay_healthy_unknown" || reason == "on_resolved_done" ||
         reason == "replaced";
}

}  // namespace

HealOutcome heal_outcome(const Incident& incident) {
  if (incident.attempt == 0) return HealOutcome::kNone;
  const bool is_verified = incident.times.verified_at.has_value();
  switch (incident.state) {
    case kFailed:
    case kEscalated:
    case kInterrupted:
      return HealOutcome::kFailed;
    case kClosed:
      return is_verified && is_end_of_recovered(incident.reason) ? HealOutcome::kVerified : HealOutcome::kFailed;
    case kCancelled:
      return is_verified ? HealOutcome::kVerified : HealOutcome::kCalledOff;
    case kSuppressed:
    case kUnmatched:
    case kStale:
      // Steps that were given back before the first of them was begun have done nothing.
      return incident.times.acted_at ? HealOutcome::kFailed : HealOutcome::kNone;
    default:
      return is_verified ? HealOutcome::kVerified : HealOutcome::kOpen;
  }
}

std::optional<Duration> time_to_recover(const Incident& incident) {
  return heal_outcome(incident) == HealOutcome::kVerified ? incident.times.time_to_recover() : std::nullopt;
}

}  // namespace heal
