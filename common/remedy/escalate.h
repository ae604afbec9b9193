#pragma once

#include <string>
#include <string_view>

#include "common/remedy/ledger.h"

namespace heal::remedy {

/// Which rungs of the ladder may follow.
enum class Rungs {
  kAll,
  kPageOnly,  ///< nothing automatic: an outcome is unknown, or a limit is reached
};

/// Goes on with the incident's ladder, on the coordinator's thread: the next playbook begins on the same incident (the
/// guards are asked again), or a human is called. False when there is no rung left: nothing was changed.
bool escalate(Ledger& ledger, const std::string& incident_id, Rungs rungs, std::string_view reason,
              const std::string& message);

/// The incident's playbook did not do it: the ladder goes on, or the incident ends as `event` (kFail or kHalt) says.
/// After kHalt nothing automatic follows.
void end_badly(Ledger& ledger, const std::string& incident_id, IncidentEvent event, std::string_view reason,
               const std::string& message);

}  // namespace heal::remedy
