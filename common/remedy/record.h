#pragma once

#include <string>

#include "common/remedy/escalate.h"
#include "common/remedy/execute.h"
#include "common/remedy/ledger.h"
#include "common/remedy/run_journal.h"
#include "common/remedy/verify.h"

namespace heal::remedy {

// Last stage, on the coordinator's thread: what workers report goes into the batch. kCancelled: the incident is not
// running any more, the worker must leave.

/// kRefused: the run was called off, by `stop` or before; the step must not be begun (undos always may).
Status record_intent(Ledger& ledger, const StepIntent& intent, const std::optional<CallOff>& stop);
Status record_outcome(Ledger& ledger, const std::string& incident_id, const StepReport& report);
Status record_note(Ledger& ledger, const std::string& incident_id, const std::string& kind, const std::string& message,
                   const std::string& data);
/// Every step ran; verification follows.
Status record_steps_done(Ledger& ledger, const std::string& incident_id, const RunEnd& end, const playbook::Plan& plan);
/// What the steps did is going to be undone because of `end`; `names` in the order in which that happens. `settled`:
/// the end with the words of the one who called it off, when somebody did.
Status record_undoing(Ledger& ledger, const std::string& incident_id, const RunEnd& end,
                      const std::vector<std::string>& names, std::optional<RunEnd>& settled);
/// The run is over; an end without an event changes nothing. When it went badly, the ladder goes on.
Status record_run_end(Ledger& ledger, const std::string& incident_id, const RunEnd& end);
/// What verification said, for the story.
Status record_round(Ledger& ledger, const std::string& incident_id, const VerifyRound& round);
/// Verification passed. `proven_at`: when it did, however long the store kept it waiting.
Status record_verified(Ledger& ledger, const std::string& incident_id, const VerifyRound& round,
                       const playbook::Plan& plan, WallTime proven_at);
/// True when the heal has held, everything has resolved, and on_resolved has not begun.
bool may_begin_resolved(const Ledger& ledger, const OpenIncident* open, WallTime now);
/// on_resolved is due and cannot be planned any more (the container is gone, the playbook is another): after some
/// minutes of that a human is told.
void record_resolved_later(Ledger& ledger, const std::string& incident_id, std::string_view reason,
                           const std::string& message);
/// A look at a recovered incident's health.
Status record_settled(Ledger& ledger, const std::string& incident_id, const VerifyRound& round);

/// A round of checks for the journal: `{answer, message, checks: [{check, answer, message}]}`.
std::string round_json(const VerifyRound& round);

}  // namespace heal::remedy
