#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/either_stop.h"
#include "common/remedy/resume.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

// What is done about incidents that are found open: at the start, and when their time has come.

namespace heal::remedy {
namespace {

constexpr Duration kResumeRetry = 10s;
/// What waits for a time of its own waits at most that long after a start: a clock that was set back while nobody
/// looked must not make hours of seconds, and to be asked too early costs nothing.
constexpr Duration kMostWait = 1min;

/// Before going on after a restart only these are asked again: the others said yes when the run began.
constexpr std::array<Guard, 4> kResumeGuards{guard_lever, guard_fresh_evidence, guard_before, guard_target_lock};

std::optional<Verdict> first_objection(const GuardSnapshot& snapshot) {
  for (Guard guard : kResumeGuards) {
    Verdict verdict = guard(snapshot);
    if (verdict.kind != Verdict::Kind::kAllow) return verdict;
  }
  return std::nullopt;
}

bool was_noted(const std::vector<TimelineEntry>& timeline, const std::string& step_id) {
  return std::any_of(timeline.begin(), timeline.end(), [&](const TimelineEntry& entry) {
    return entry.kind == "step_unknown" && entry.data.find('"' + step_id + '"') != std::string::npos;
  });
}

}  // namespace

/// A heal that a person asked for and that nothing was done about: whoever asked was told no, or got no answer, and
/// must not be surprised by it later.
void Coordinator::cancel_unbegun_heals() {
  std::vector<std::string> unbegun;
  for (const auto& [id, open] : ledger_.open()) {
    const bool is_unbegun = open.incident.state == IncidentState::kReceived ||
                            open.incident.state == IncidentState::kHeld ||
                            open.incident.state == IncidentState::kPlanned;
    if (is_unbegun && !open.incident.requested_by.empty()) unbegun.push_back(id);
  }
  for (const auto& id : unbegun)
    ledger_.move(id, IncidentEvent::kCancel, "service_stopped",
                 "the service stopped before anything was begun: ask again");
}

void Coordinator::take_up_all() {
  if (set_back_before_ > Duration{}) make_up_for(ledger_, set_back_before_);
  cancel_unbegun_heals();
  std::size_t steps = 0;
  for (const auto& [id, open] : ledger_.open()) {
    steps += open.unknown_steps.size();
    // What has a time of its own waits for it.
    if (open.progress.wake_at) {
      place_wake(id);
      const bool is_half_done = is_in_flight(open.incident.state);
      hasten_wake(id, tools_.clock.deadline_in(is_half_done ? kResumeRetry : kMostWait));
    } else {
      take_up(id);
    }
  }
  logger_.info("took up what the store holds", {{"open_incidents", ledger_.open().size()}, {"unknown_steps", steps}});
}

void Coordinator::take_up(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr || busy_.contains(incident_id)) return;  // whoever has it looks for itself
  switch (open->incident.state) {
    case IncidentState::kReceived:
    case IncidentState::kHeld:
    case IncidentState::kPlanned:
      return investigate(incident_id);
    case IncidentState::kAwaitingApproval:
      return await_approval(incident_id);
    case IncidentState::kEscalated:
      return page(incident_id);
    case IncidentState::kExecuting:
    case IncidentState::kVerifying:
      return resume(incident_id);
    case IncidentState::kRecovered:
      return settle(incident_id);
    default:
      return;
  }
}

void Coordinator::resume(const std::string& incident_id) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr) return;
  auto subject = case_of(ledger_, *open);
  if (!subject.has_value()) return retry_later(incident_id, subject.error());
  submit(incident_id, [this, incident_id, subject = std::move(*subject), world = world_.get()](std::stop_token stop) {
    const EitherStop either(stop, drain_.get_token());
    const auto dossier =
        std::make_shared<const Dossier>(remedy::investigate(subject, world, tools_, store_, either.token()));
    if (either.token().stop_requested()) return;
    post_until_durable([this, incident_id, dossier] { return apply_resumption(incident_id, dossier); }, stop);
  });
}

Status Coordinator::apply_resumption(const std::string& incident_id, const std::shared_ptr<const Dossier>& dossier) {
  const OpenIncident* open = ledger_.find(incident_id);
  if (open == nullptr) return {};
  const IncidentState state = open->incident.state;
  if (state != IncidentState::kExecuting && state != IncidentState::kVerifying) return {};
  if (is_too_old(*dossier)) {
    ledger_.effect([this, incident_id] { resume(incident_id); });
    return {};
  }
  HEAL_TRY(const Case subject, case_of(ledger_, *open));
  HEAL_TRY(const auto timeline, store_.timeline(incident_id));
  ledger_.edit(incident_id).progress.wake_at.reset();
  if (dossier->obstacle && dossier->obstacle->event == IncidentEvent::kHold) {
    wait_to_resume(incident_id, dossier->obstacle->reason, dossier->obstacle->message, std::nullopt);
    return {};
  }
  const auto halt = [&](std::string_view reason, const std::string& message) -> Status {
    ledger_.edit(incident_id).progress.let_go();
    end_badly(ledger_, incident_id, IncidentEvent::kHalt, reason, message);
    return {};
  };
  if (dossier->obstacle)
    return halt("cannot_resume", fmt::format("half-done and cannot go on: {}", dossier->obstacle->message));
  if (dossier->plan->hash != subject.incident.plan_hash)
    return halt("plan_changed", "half-done, and the playbook or its values are not what they were when it began");
  ledger_.lease_locks(incident_id, lock_ttl(*dossier->plan));
  return resume_run(subject, dossier, timeline);
}

/// It is asked again for as long as it takes: only the world's answer can tell what may be done about what is
/// half-done.
void Coordinator::wait_to_resume(const std::string& incident_id, const std::string& reason, const std::string& message,
                                 std::optional<WallTime> until) {
  OpenIncident& open = ledger_.edit(incident_id);
  open.progress.wake_at = until.value_or(tools_.clock.now() + kResumeRetry);
  const std::string told = fmt::format("half-done, waits: {}", printable(message, 400));
  if (open.incident.message == told) return;
  open.incident.reason = reason;
  open.incident.message = told;
  ledger_.append(incident_id, "waiting", told, {{"reason", reason}});
}

Status Coordinator::resume_run(const Case& subject, const std::shared_ptr<const Dossier>& dossier,
                               const std::vector<TimelineEntry>& timeline) {
  const Progress& progress = subject.progress;
  const std::string& id = subject.incident.id;
  HEAL_TRY(const auto open_steps, store_.open_steps());
  RunOrder order;
  order.part = progress.undoing                           ? StepRole::kUndo
               : progress.after == AfterResolve::kRunning ? StepRole::kResolved
                                                          : StepRole::kStep;
  ResumePoint point = resume_point(subject.incident, *dossier->plan, order.part, timeline, open_steps);
  order.incident_id = id;
  order.attempt = subject.incident.attempt;
  order.container_id = progress.container_id;
  order.first_step = point.first_step;
  order.first_try = point.first_try;
  order.outputs = std::move(point.outputs);
  order.memory = std::move(point.memory);
  order.done = std::move(point.done);
  order.undone = std::move(point.undone);
  order.failed_undos = std::move(point.failed_undos);
  order.undo_tries = std::move(point.undo_tries);
  order.half_done = std::move(point.half_done);
  order.stepped_at = progress.stepped_at;
  order.end = std::move(point.end);
  if (order.half_done && !was_noted(timeline, order.half_done->step.step_id)) {
    const OpenStep& step = order.half_done->step;
    ledger_.append(id, "step_unknown", fmt::format("step {} was begun and has no outcome: unknown", step.step_id),
                   {{"step_id", step.step_id}, {"intended_at", format_rfc3339_nano(step.intended_at)}});
  }
  if (order.part == StepRole::kUndo) {
    order.undoing = RunEnd{progress.undoing->event, progress.undoing->reason, progress.undoing->message};
    ledger_.append(id, "resumed", "going on with undoing after a restart", Json::object());
  } else if (subject.incident.state == IncidentState::kVerifying) {
    order.end = RunEnd{IncidentEvent::kStepsDone, "steps_done", "every step ran"};
    ledger_.append(id, "resumed", "verifying again after a restart", Json::object());
  } else if (order.part == StepRole::kStep) {
    return resume_steps(subject, dossier, std::move(order), point.would_act);
  }
  ledger_.effect([this, order = std::move(order), dossier] { start_run(order, dossier); });
  return {};
}

Status Coordinator::resume_steps(const Case& subject, const std::shared_ptr<const Dossier>& dossier, RunOrder order,
                                 bool would_act) {
  const std::string& id = subject.incident.id;
  if (!order.end && would_act && !subject.progress.called_off) {
    const auto objection = first_objection(snapshot_of(ledger_, subject, *dossier));
    if (objection && objection->kind == Verdict::Kind::kHold) {
      wait_to_resume(id, objection->reason, objection->message, objection->until);
      return {};
    }
    order.may_act = !objection;
    ledger_.append(id, "resumed",
                   objection
                       ? fmt::format("after a restart nothing more is begun: {}", printable(objection->message, 400))
                       : "going on after a restart: the evidence is still true",
                   {{"guard", objection ? objection->guard : ""}, {"reason", objection ? objection->reason : "fresh"}});
  }
  ledger_.effect([this, order = std::move(order), dossier] { start_run(order, dossier); });
  return {};
}

}  // namespace heal::remedy
