#include "common/remedy/record.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/elapsed.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

/// How often a recovered incident's health is looked at.
constexpr Duration kLeastLook = 1s;
constexpr Duration kMostLook = 30s;
/// How long on_resolved waits for alerts that never resolve.
constexpr Duration kResolvePatience = 7 * 24h;
/// How long after stay_healthy an answer is waited for before the incident is closed without one.
constexpr Duration kSettlePatience = 5min;

/// The incident, when it is in one of the states in which a worker may report.
Result<OpenIncident*> running(Ledger& ledger, const std::string& id, IncidentState state) {
  const OpenIncident* open = ledger.find(id);
  if (open == nullptr || open->incident.state != state)
    return make_error(ErrorCode::kCancelled, "incident {} is not {} any more", id, to_string(state));
  return &ledger.edit(id);
}

Result<OpenIncident*> acting(Ledger& ledger, const std::string& id) {
  const OpenIncident* open = ledger.find(id);
  const bool is_verifying = open != nullptr && open->incident.state == IncidentState::kVerifying;
  return running(ledger, id, is_verifying ? IncidentState::kVerifying : IncidentState::kExecuting);
}

Json parsed(const std::string& text) {
  auto json = parse_json(text);
  return json.has_value() ? std::move(*json) : Json::object();
}

/// The attempt that is under way uses up the target's budget from its first step on.
void count_attempt(Ledger& ledger, OpenIncident& open) {
  if (open.progress.is_counted || !open.incident.target) return;
  open.progress.is_counted = true;
  const std::string target = open.incident.target->str();
  TargetHistory history = ledger.history(target);
  open.progress.history_before = to_json_text(history);
  history.began(ledger.clock().now());
  ledger.put_history(target, std::move(history));
}

/// Nothing of the attempt was done, though its first intent may have become durable.
void take_back_attempt(Ledger& ledger, OpenIncident& open) {
  const std::string before = std::exchange(open.progress.history_before, "");
  if (before.empty() || !open.incident.target) return;
  auto history = parse_target_history(before);
  if (!history.has_value()) return;
  const std::string target = open.incident.target->str();
  const auto& attempts = ledger.history(target).attempts;
  auto& acted_at = open.incident.times.acted_at;
  if (acted_at && !attempts.empty() && *acted_at >= attempts.back()) acted_at.reset();
  ledger.take_back_history(target, std::move(*history));
}

/// The target may be acted on by others again, and its cooldown begins.
void let_go(Ledger& ledger, OpenIncident& open) {
  count_attempt(ledger, open);
  open.progress.let_go();
  if (!open.incident.target) return;
  const std::string target = open.incident.target->str();
  TargetHistory history = ledger.history(target);
  history.ended(ledger.clock().now());
  ledger.put_history(target, std::move(history));
}

Duration age_of(Ledger& ledger, const OpenIncident& open, WallTime now) {
  const auto& keys = open.incident.episode_keys;
  if (!keys.empty()) {
    if (auto episode = ledger.episode(keys.front()); episode.has_value() && *episode)
      return elapsed((*episode)->starts_at, now);  // its clock is not ours
  }
  return now - open.incident.times.detected_at.value_or(now);
}

WallTime next_look(WallTime now, WallTime settle_at) {
  const Duration step = std::clamp<Duration>((settle_at - now) / 5, kLeastLook, kMostLook);
  return std::min(now + step, std::max(settle_at, now));
}

/// Its alerts resolved while the run waited to begin. A further rung begins because the one before did not do it, and a
/// person's heal because a person wants it.
bool is_over_already(const Ledger& ledger, const OpenIncident& open) {
  const bool is_further = open.progress.ladder && open.progress.ladder->next > 0;
  return !ledger.has_unresolved(open.incident.id) && !is_further && open.incident.requested_by.empty();
}

/// A run that was believed dead must not touch what another one has in its hands.
Status pass_fence(Ledger& ledger, const OpenStep& step) {
  const auto parts = parse_step_id(step.step_id);
  const Status held = ledger.hold_locks(step.incident_id, parts ? parts->attempt : 0);
  if (!held.has_value() && ledger.find(step.incident_id)->incident.attempt == (parts ? parts->attempt : 0)) {
    ledger.edit(step.incident_id).progress.let_go();
    end_badly(ledger, step.incident_id, IncidentEvent::kHalt, "lock_lost",
              fmt::format("half-done: {}", held.error().message()));
  }
  return held;
}

/// on_resolved will not be run: a human is told, or the incident fails.
void give_up_resolved(Ledger& ledger, const std::string& id, std::string_view reason, const std::string& message) {
  if (!escalate(ledger, id, Rungs::kPageOnly, reason, message)) ledger.move(id, IncidentEvent::kFail, reason, message);
}

void add_once(std::vector<std::string>& targets, const std::string& target) {
  if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
}

/// What the step changes besides what the plan names becomes the incident's own, as if the plan had named it. What an
/// engine tells of any of it is from now on our doing.
Status take_touched(Ledger& ledger, OpenIncident& open, const std::vector<std::string>& touched) {
  if (touched.empty()) return {};
  const auto others = ledger.holders(touched, open.incident.id);
  if (!others.empty())
    return make_error(ErrorCode::kUnavailable, "{} is held by incident {}", others.begin()->first,
                      others.begin()->second);
  for (const auto& target : touched) {
    add_once(open.progress.locks, target);
    add_once(open.progress.touched, target);
  }
  return {};
}

/// A container that was made anew has another id: from now on it is the incident's.
void follow_replacement(OpenIncident& open, const ActionResult& result) {
  const auto replaced = result.outputs.find("replaced");
  const auto id = result.outputs.find("id");
  if (replaced == result.outputs.end() || id == result.outputs.end()) return;
  if (replaced->second == open.progress.container_id) open.progress.container_id = id->second;
}

/// Nothing but our own deployment is known to have failed: that is what the incident is about.
void note_failed_deployment(Incident& incident, const std::string& why, std::optional<std::int64_t> exit_code) {
  if (incident.type != words::kManualType && incident.type != words::kAlertType) return;
  incident.type = words::kDeploymentType;
  if (incident.failure_reason.empty()) incident.failure_reason = printable(why, 500);
  if (!incident.exit_code) incident.exit_code = exit_code;
}

/// A step that makes its target anew or changes its limits, and what came of it.
void follow_deployment(OpenIncident& open, const StepReport& report) {
  const bool deploys = report.kind == "docker.recreate" || report.kind == "docker.update";
  if (!deploys || report.role != StepRole::kStep) return;
  if (report.outcome == words::kDone) {
    open.progress.deployed_by = report.name;
  } else if (report.outcome == words::kFailed || report.outcome == words::kRefused) {
    const auto exit_code = report.result.outputs.find("exit_code");
    note_failed_deployment(open.incident,
                           fmt::format("step {} ({}) failed: {}", report.name, report.kind, report.result.message),
                           exit_code == report.result.outputs.end() ? std::nullopt : parse_int(exit_code->second));
  }
}

/// The heal held; what is left is on_resolved.
Status wait_for_resolve(Ledger& ledger, OpenIncident& open, WallTime now) {
  const WallTime end = open.progress.settle_at.value_or(now) + kResolvePatience;
  const bool still_fires = ledger.has_unresolved(open.incident.id);
  // What ends from now on is another story, and may be wanted.
  open.progress.has_started_target = false;
  if (now >= end && still_fires) {
    give_up_resolved(ledger, open.incident.id, "never_resolved",
                     fmt::format("its alerts did not resolve within {}; on_resolved was not run",
                                 format_duration(kResolvePatience)));
    return {};
  }
  open.incident.reason = "waits_for_resolve";
  open.incident.message = "stayed healthy after the heal; on_resolved waits for the alerts to resolve";
  open.progress.wake_at = still_fires ? end : now + kLeastLook;
  return {};
}

}  // namespace

Status record_intent(Ledger& ledger, const StepIntent& intent, const std::optional<CallOff>& stop) {
  const std::string& id = intent.step.incident_id;
  HEAL_TRY(OpenIncident* const open, running(ledger, id, IncidentState::kExecuting));
  if (intent.role != StepRole::kUndo) {
    if (stop && !open->progress.called_off) {
      open->progress.called_off = stop;
      ledger.append(id, "called_off", stop->message, {{"reason", stop->reason}});
    }
    if (open->progress.called_off) return make_error(ErrorCode::kRefused, "{}", open->progress.called_off->message);
  }
  if (intent.is_first && is_over_already(ledger, *open))
    return make_error(ErrorCode::kConflict, "the evidence ended before anything was begun; the guards are asked again");
  HEAL_TRY_STATUS(pass_fence(ledger, intent.step));
  HEAL_TRY_STATUS(take_touched(ledger, *open, intent.touches));
  count_attempt(ledger, *open);
  auto& times = open->incident.times;
  if (intent.effect == playbook::Effect::kChanges && !times.acted_at) {
    times.acted_at = ledger.clock().now();
    const Duration age = age_of(ledger, *open, *times.acted_at);
    ledger.effect([metrics = ledger.metrics(), age] { metrics.time_to_act.observe(age); });
  }
  ledger.write(PutStepIntent{intent.step});
  Json data = parsed(intent.step.data);
  data["step_id"] = intent.step.step_id;
  ledger.append(id, "step_intent", intent.message, data);
  return {};
}

namespace {

constexpr std::size_t kMostNotes = 200;

/// One that was done waits for its attempt's verdict.
void count_step(Ledger& ledger, OpenIncident& open, const StepReport& report) {
  const std::string& playbook = open.incident.playbook;
  if (report.outcome == words::kDone) {
    open.progress.unjudged.push_back({playbook, report.kind});
  } else {
    ledger.count_action(playbook, report.kind, report.outcome);
  }
  if (report.outcome == words::kSkipped || report.outcome == words::kRefused) return;
  ledger.effect([metrics = ledger.metrics(), playbook, report] {
    metrics.durations.at({playbook, report.kind}).observe(report.duration);
  });
}

/// Of more than fit the last ones are kept: what went wrong stands there.
Json notes_of(const ActionResult& result) {
  Json out = Json::array();
  const std::size_t skipped = result.notes.size() - std::min(result.notes.size(), kMostNotes);
  if (skipped > 0) out.push_back(fmt::format("({} more before these)", skipped));
  for (std::size_t i = skipped; i < result.notes.size(); ++i)
    out.push_back(printable(result.notes[i], 300));
  return out;
}

}  // namespace

Status record_outcome(Ledger& ledger, const std::string& incident_id, const StepReport& report) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kExecuting));
  open->unknown_steps.erase(report.step_id);
  if (report.result.reason != words::kTooOld) open->progress.history_before.clear();
  open->progress.stepped_at = ledger.clock().now();
  follow_replacement(*open, report.result);
  follow_deployment(*open, report);
  // What was done was done, whoever holds the lock now.
  (void)ledger.hold_locks(incident_id, open->incident.attempt);
  ledger.write(PutStepOutcome{incident_id, report.step_id});
  Json data{{"step_id", report.step_id},
            {"step", report.name},
            {"kind", report.kind},
            {"outcome", report.outcome},
            {"reason", report.result.reason},
            {"message", printable(report.result.message, 2000)},
            {"outputs", report.result.outputs},
            {"duration_seconds", to_seconds(report.duration)}};
  if (!report.result.notes.empty()) data["notes"] = notes_of(report.result);
  ledger.append(incident_id, "step_outcome",
                fmt::format("{}step {} ({}): {}: {}", report.role == StepRole::kUndo ? "undo of " : "", report.name,
                            report.kind, report.outcome, printable(report.result.message, 400)),
                data);
  count_step(ledger, *open, report);
  return {};
}

Status record_note(Ledger& ledger, const std::string& incident_id, const std::string& kind, const std::string& message,
                   const std::string& data) {
  ledger.append(incident_id, kind, printable(message, 500), parsed(data));
  return {};
}

Status record_steps_done(Ledger& ledger, const std::string& incident_id, const RunEnd& end,
                         const playbook::Plan& plan) {
  HEAL_TRY(OpenIncident* const open, acting(ledger, incident_id));
  // After a restart it is said again, also of a run that was not gone on with.
  if (open->incident.state == IncidentState::kExecuting)
    open->progress.has_started_target = end.reason == "steps_done" && leaves_started(plan);
  ledger.move(incident_id, IncidentEvent::kStepsDone, end.reason, printable(end.message, 500));
  return {};
}

Status record_undoing(Ledger& ledger, const std::string& incident_id, const RunEnd& end,
                      const std::vector<std::string>& names, std::optional<RunEnd>& settled) {
  HEAL_TRY(OpenIncident* const open, acting(ledger, incident_id));
  Undoing undoing{end.event.value_or(IncidentEvent::kFail), end.reason, printable(end.message, 500)};
  if (end.event == IncidentEvent::kCancel && open->progress.called_off) {
    undoing.reason = open->progress.called_off->reason;
    undoing.message = open->progress.called_off->message;
  }
  ledger.append(incident_id, "undo", fmt::format("undoing {}: {}", fmt::join(names, ", "), undoing.message),
                {{"steps", names}, {"reason", undoing.reason}});
  const std::string message = fmt::format("undoing what was done: {}", undoing.message);
  const std::string reason = undoing.reason;
  settled = RunEnd{undoing.event, undoing.reason, undoing.message};
  open->progress.undoing = std::move(undoing);
  if (!ledger.move(incident_id, IncidentEvent::kUndo, reason, message)) {
    open->incident.reason = reason;
    open->incident.message = message;
  }
  return {};
}

Status record_run_end(Ledger& ledger, const std::string& incident_id, const RunEnd& end) {
  if (!end.event) return {};
  HEAL_TRY(OpenIncident* const open, acting(ledger, incident_id));
  Progress& progress = open->progress;
  std::string reason = end.reason;
  std::string message = printable(end.message, 500);
  if (*end.event == IncidentEvent::kCancel && !progress.undoing && progress.called_off) {
    reason = progress.called_off->reason;
    message = progress.called_off->message;
  }
  IncidentEvent event = *end.event;
  if (event == IncidentEvent::kFail && progress.called_off) {
    // Whoever called it off wants nothing more to be begun, whatever the step made of it.
    event = IncidentEvent::kCancel;
    reason = progress.called_off->reason;
    message = fmt::format("{}; {}", progress.called_off->message, message);
  }
  progress.undoing.reset();
  if (event == IncidentEvent::kFail && reason == words::kNotVerified && !progress.deployed_by.empty())
    note_failed_deployment(open->incident, fmt::format("step {} was done, and {}", progress.deployed_by, message), {});
  if (event == IncidentEvent::kRequeue) {
    progress.let_go();
    progress.wake_at = ledger.clock().now();
    take_back_attempt(ledger, *open);
  } else {
    let_go(ledger, *open);
  }
  const bool is_stopped_after =
      event == IncidentEvent::kCancel && reason == words::kLeverEngaged && progress.after == AfterResolve::kRunning;
  if (is_stopped_after) {
    // Nobody meant this incident: what on_resolved has not done is a person's by now.
    message = fmt::format("on_resolved was not run to its end: {}", message);
    if (escalate(ledger, incident_id, Rungs::kPageOnly, reason, message)) return {};
  }
  if (event == IncidentEvent::kFail || event == IncidentEvent::kHalt) {
    // Nothing automatic follows a failure after the alerts have resolved.
    const bool is_after = progress.after == AfterResolve::kRunning;
    if (is_after && escalate(ledger, incident_id, Rungs::kPageOnly, reason, message)) return {};
    if (!is_after) {
      end_badly(ledger, incident_id, event, reason, message);
      return {};
    }
  }
  ledger.move(incident_id, event, reason, message);
  return {};
}

Status record_round(Ledger& ledger, const std::string& incident_id, const VerifyRound& round) {
  ledger.edit(incident_id).progress.has_died = round.has_died;
  ledger.append(incident_id, "verify",
                fmt::format("verification: {}: {}", to_string(round.answer), printable(round.message, 400)),
                parsed(round_json(round)));
  return {};
}

Status record_verified(Ledger& ledger, const std::string& incident_id, const VerifyRound& round,
                       const playbook::Plan& plan, WallTime proven_at) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kVerifying));
  const WallTime now = ledger.clock().now();
  HEAL_TRY_STATUS(record_round(ledger, incident_id, round));
  let_go(ledger, *open);
  open->incident.times.verified_at = proven_at;
  const Duration age = age_of(ledger, *open, proven_at);
  ledger.effect([metrics = ledger.metrics(), age, times = open->incident.times] {
    metrics.time_to_verify.observe(age);
    if (const auto took = times.time_to_detect()) metrics.time_to_detect.observe(*took);
    if (const auto took = times.time_to_recover()) metrics.time_to_recover.observe(*took);
  });
  const std::string target = open->incident.target->str();
  TargetHistory history = ledger.history(target);
  history.healed(incident_id, proven_at);
  ledger.put_history(target, std::move(history));
  open->progress.settle_at = now + plan.stay_healthy;
  if (!open->incident.episode_keys.empty()) open->progress.last_healed = open->incident.episode_keys.back();
  open->progress.wake_at = next_look(now, *open->progress.settle_at);
  open->progress.after = plan.on_resolved ? AfterResolve::kPending : AfterResolve::kNone;
  ledger.move(incident_id, IncidentEvent::kVerified, "verified",
              fmt::format("verified: {}", printable(round.message, 400)));
  return {};
}

Status record_settled(Ledger& ledger, const std::string& incident_id, const VerifyRound& round) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kRecovered));
  const WallTime now = ledger.clock().now();
  const WallTime settle_at = open->progress.settle_at.value_or(now);
  if (round.answer == Answer::kFail) {
    open->progress.has_died = round.has_died;
    ledger.append(incident_id, "verify", fmt::format("bad again: {}", printable(round.message, 400)),
                  parsed(round_json(round)));
    const std::string message = fmt::format("was healthy and is not any more: {}", printable(round.message, 400));
    if (!escalate(ledger, incident_id, Rungs::kAll, "relapsed", message))
      ledger.move(incident_id, IncidentEvent::kRelapse, "relapsed", message);
    return {};
  }
  if (now < settle_at) {
    open->progress.wake_at = next_look(now, settle_at);
    return {};
  }
  if (round.answer == Answer::kPass) {
    const std::string target = open->incident.target->str();
    TargetHistory history = ledger.history(target);
    history.held(now);
    ledger.put_history(target, std::move(history));
    if (open->progress.after == AfterResolve::kPending) return wait_for_resolve(ledger, *open, now);
    ledger.move(incident_id, IncidentEvent::kClose, "stayed_healthy", "stayed healthy after the heal");
    return {};
  }
  if (open->progress.after == AfterResolve::kPending && now - settle_at >= kSettlePatience)
    return wait_for_resolve(ledger, *open, now);
  if (now - settle_at >= kSettlePatience) {
    ledger.move(incident_id, IncidentEvent::kClose, "stay_healthy_unknown",
                fmt::format("could not find out whether it stayed healthy: {}", printable(round.message, 400)));
    return {};
  }
  open->progress.wake_at = now + 10s;
  return {};
}

void record_resolved_later(Ledger& ledger, const std::string& incident_id, std::string_view reason,
                           const std::string& message) {
  const OpenIncident* open = ledger.find(incident_id);
  const WallTime now = ledger.clock().now();
  if (!may_begin_resolved(ledger, open, now)) return;
  Progress& progress = ledger.edit(incident_id).progress;
  if (!progress.after_until) progress.after_until = now + kSettlePatience;
  if (now < *progress.after_until) {
    progress.wake_at = now + 10s;
    return;
  }
  give_up_resolved(ledger, incident_id, reason, message);
}

bool may_begin_resolved(const Ledger& ledger, const OpenIncident* open, WallTime now) {
  return open != nullptr && open->incident.state == IncidentState::kRecovered &&
         open->progress.after == AfterResolve::kPending && !ledger.has_unresolved(open->incident.id) &&
         open->progress.settle_at && now >= *open->progress.settle_at;
}

std::string round_json(const VerifyRound& round) {
  Json checks = Json::array();
  for (const auto& [check, result] : round.checks)
    checks.push_back({{"check", printable(check, 300)},
                      {"answer", to_string(result.answer)},
                      {"message", printable(result.message, 500)}});
  return dump(
      {{"answer", to_string(round.answer)}, {"message", printable(round.message, 500)}, {"checks", std::move(checks)}});
}

}  // namespace heal::remedy
