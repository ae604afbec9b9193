#pragma once

#include <string>

#include "common/remedy/execute.h"
#include "common/remedy/ledger.h"
#include "common/remedy/run_journal.h"
#include "common/remedy/verify.h"

namespace heal::remedy {

// Last stage, on the coordinator's thread: what workers report goes into the batch. kCancelled: the incident is not
// running any more, the worker must leave.

Status record_intent(Ledger& ledger, const StepIntent& intent);
Status record_outcome(Ledger& ledger, const std::string& incident_id, const StepReport& report);
Status record_note(Ledger& ledger, const std::string& incident_id, const std::string& kind, const std::string& message,
                   const std::string& data);
/// The steps ended; an end without an event changes nothing.
Status record_run_end(Ledger& ledger, const std::string& incident_id, const RunEnd& end);
/// Verification ended.
Status record_verified(Ledger& ledger, const std::string& incident_id, const VerifyRound& round, Duration stay_healthy);
/// A look at a recovered incident's health.
Status record_settled(Ledger& ledger, const std::string& incident_id, const VerifyRound& round);

/// A round of checks for the journal: `{answer, message, checks: [{check, answer, message}]}`.
std::string round_json(const VerifyRound& round);

}  // namespace heal::remedy
