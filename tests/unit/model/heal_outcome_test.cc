#include "common/model/heal_outcome.h"

#include <string>

#include <catch2/catch.hpp>

namespace heal {
namespace {

Incident ended(IncidentState state, const std::string& reason, bool is_verified) {
  Incident incident;
  incident.state = state;
  incident.reason = reason;
  incident.attempt = 1;
  incident.times.detected_at = WallTime(10s);
  incident.times.acted_at = WallTime(11s);
  if (is_verified) incident.times.verified_at = WallTime(12s);
  return incident;
}

TEST_CASE("what came of a heal is told by what happened, and only what holds has a time to recover") {
  using enum IncidentState;
  struct Case {
    IncidentState state;
    const char* reason;
    bool is_verified;
    HealOutcome outcome;
  };
  const auto c = GENERATE(values<Case>({{kExecuting, "allowed", false, HealOutcome::kOpen},
                                        {kHeld, "cooldown", false, HealOutcome::kOpen},
                                        {kRecovered, "verified", true, HealOutcome::kVerified},
                                        {kExecuting, "all_resolved", true, HealOutcome::kVerified},
                                        {kClosed, "stayed_healthy", true, HealOutcome::kVerified},
                                        {kClosed, "stay_healthy_unknown", true, HealOutcome::kVerified},
                                        {kClosed, "on_resolved_done", true, HealOutcome::kVerified},
                                        {kClosed, "replaced", true, HealOutcome::kVerified},
                                        {kFailed, "not_verified", false, HealOutcome::kFailed},
                                        {kFailed, "relapsed", true, HealOutcome::kFailed},
                                        {kEscalated, "not_verified", false, HealOutcome::kFailed},
                                        {kEscalated, "relapsed", true, HealOutcome::kFailed},
                                        {kInterrupted, "outcome_unknown", false, HealOutcome::kFailed},
                                        // What a human was called for ends in many ways, and none of them is the heal.
                                        {kClosed, "alert_resolved", false, HealOutcome::kFailed},
                                        {kClosed, "alert_resolved", true, HealOutcome::kFailed},
                                        {kClosed, "cancelled", false, HealOutcome::kFailed},
                                        {kClosed, "expired", true, HealOutcome::kFailed},
                                        {kClosed, "shadow", false, HealOutcome::kFailed},
                                        {kStale, "healthy", false, HealOutcome::kFailed},
                                        {kCancelled, "cancelled", true, HealOutcome::kVerified},
                                        {kCancelled, "cancelled", false, HealOutcome::kCalledOff}}));
  CAPTURE(to_string(c.state), c.reason, c.is_verified);
  Incident incident = ended(c.state, c.reason, c.is_verified);
  CHECK(heal_outcome(incident) == c.outcome);
  CHECK(time_to_recover(incident) ==
        (c.outcome == HealOutcome::kVerified ? std::optional<Duration>(2s) : std::nullopt));
  incident.attempt = 0;
  CHECK(heal_outcome(incident) == HealOutcome::kNone);
}

TEST_CASE("steps that were given back before anything was begun are no heal when the trouble then ends") {
  Incident incident = ended(IncidentState::kStale, "alert_resolved", false);
  incident.times.acted_at.reset();
  CHECK(heal_outcome(incident) == HealOutcome::kNone);
}

}  // namespace
}  // namespace heal
