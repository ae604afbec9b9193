#pragma once

#include <memory>
#include <string>

#include "common/remedy/guard/guard.h"
#include "common/remedy/jobs.h"
#include "common/remedy/ledger.h"
#include "common/wire/json_fwd.h"

namespace heal::remedy {

/// What an incident needs for an investigation or the guards. An Error when the first episode cannot be read.
Result<Case> case_of(Ledger& ledger, const OpenIncident& open);

/// Targets that the plan's changing steps touch, their undos and those of on_resolved too, the incident's own included.
std::vector<std::string> lock_targets(const playbook::Plan& plan);

/// How long a run of the plan may stay silent before its locks are anybody's: its longest step with all tries and
/// pauses, or its verification, and a minute.
Duration lock_ttl(const playbook::Plan& plan);

/// What the guards look at. The dossier has a plan; all three must outlive the snapshot.
GuardSnapshot snapshot_of(const Ledger& ledger, const Case& subject, const Dossier& dossier);

/// Asks the guards about a dossier with a plan. Pure over ledger and dossier.
Decision decide(const Ledger& ledger, const Case& subject, const Dossier& dossier);

/// A decision as it is journaled and shown: result, guard, reason, message, plan_hash, and every guard's verdict with
/// its inputs.
Json to_json(const Decision& decision, const Dossier& dossier);

/// Third and fourth stage, on the coordinator's thread: what the dossier of an undecided incident leads to. Puts the
/// decision with all its inputs into the batch, and starts the run as an effect when everything allows it.
void apply_dossier(Ledger& ledger, Jobs& jobs, const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
                   const Case& subject);

}  // namespace heal::remedy
