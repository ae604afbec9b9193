#include "common/remedy/escalate.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/playbook/playbook.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

void call_a_human(Ledger& ledger, const std::string& id, std::string_view reason, const std::string& message) {
  ledger.append(id, "escalated", fmt::format("handed to a human: {}", message),
                {{"rung", playbook::kPageRung}, {"reason", reason}});
  if (!ledger.move(id, IncidentEvent::kPage, reason, message)) return;
  OpenIncident& open = ledger.edit(id);
  open.progress.let_go();
  open.progress.undoing.reset();
  open.progress.after = AfterResolve::kNone;
  open.progress.wake_at = ledger.clock().now();
}

void begin_rung(Ledger& ledger, const std::string& id, const std::string& playbook, std::string_view reason,
                const std::string& message) {
  OpenIncident& open = ledger.edit(id);
  Progress& progress = open.progress;
  const std::string before = std::exchange(open.incident.playbook, playbook);
  progress.ladder->needs_cooldown = before == playbook;
  open.incident.plan_hash.clear();
  open.incident.times.verified_at.reset();
  // A rung may have made the container anew.
  progress.container_id.clear();
  progress.playbook_version.clear();
  progress.approval.reset();
  progress.undoing.reset();
  progress.held_since.reset();
  progress.settle_at.reset();
  progress.let_go();
  progress.after = AfterResolve::kNone;
  progress.wake_at = ledger.clock().now();
  ledger.append(id, "escalated", fmt::format("playbook {} did not do it ({}); next: {}", before, reason, playbook),
                {{"from", before},
                 {"to", playbook},
                 {"rung", progress.ladder->next},
                 {"reason", reason},
                 {"message", printable(message, 500)}});
  if (ledger.move(id, IncidentEvent::kEscalate, "next_rung", message)) return;
  open.incident.reason = "next_rung";
  open.incident.message = message;
}

}  // namespace

bool escalate(Ledger& ledger, const std::string& incident_id, Rungs rungs, std::string_view reason,
              const std::string& message) {
  const OpenIncident* open = ledger.find(incident_id);
  if (open == nullptr || !open->progress.ladder) return false;
  const Ladder& ladder = *open->progress.ladder;
  for (std::size_t i = ladder.next; i < ladder.rungs.size(); ++i) {
    const std::string rung = ladder.rungs[i];
    const bool is_human = rung == playbook::kPageRung;
    if (!is_human && rungs == Rungs::kPageOnly) continue;
    ledger.edit(incident_id).progress.ladder->next = i + 1;
    if (is_human) {
      call_a_human(ledger, incident_id, reason, message);
    } else {
      begin_rung(ledger, incident_id, rung, reason, message);
    }
    return true;
  }
  return false;
}

void end_badly(Ledger& ledger, const std::string& incident_id, IncidentEvent event, std::string_view reason,
               const std::string& message) {
  const Rungs rungs = event == IncidentEvent::kHalt ? Rungs::kPageOnly : Rungs::kAll;
  if (escalate(ledger, incident_id, rungs, reason, message)) return;
  ledger.move(incident_id, event, reason, message);
}

}  // namespace heal::remedy
