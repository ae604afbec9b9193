#pragma once

#include <optional>

#include "common/model/incident.h"

namespace heal {

/// What came of an incident's steps, by what happened rather than by the state that it is in at last.
enum class HealOutcome {
  kNone,      ///< no step was begun
  kOpen,      ///< not known yet
  kVerified,  ///< verification passed, and nothing has contradicted it
  kFailed,    ///< they did not help, not for long, or nobody knows; stays so when a human ends the incident later
  kCalledOff  ///< ended before that could be known
};
HealOutcome heal_outcome(const Incident& incident);

/// verified − detected; nullopt unless the outcome is kVerified: what failed again has not recovered at its
/// verification.
std::optional<Duration> time_to_recover(const Incident& incident);

}  // namespace heal
