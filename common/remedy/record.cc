#include "common/remedy/record.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

/// How often a recovered incident's health is looked at.
constexpr Duration kLeastLook = 1s;
constexpr Duration kMostLook = 30s;
/// How long after stay_healthy an answer is waited for before the incident is closed without one.
constexpr Duration kSettlePatience = 5min;

/// The incident, when it is in one of the states in which a worker may report.
Result<OpenIncident*> running(Ledger& ledger, const std::string& id, IncidentState state) {
  const OpenIncident* open = ledger.find(id);
  if (open == nullptr || open->incident.state != state)
    return make_error(ErrorCode::kCancelled, "incident {} is not {} any more", id, to_string(state));
  return &ledger.edit(id);
}

Json parsed(const std::string& text) {
  auto json = parse_json(text);
  return json.has_value() ? std::move(*json) : Json::object();
}

/// The target may be acted on by others again, and its cooldown begins.
void let_go(Ledger& ledger, OpenIncident& open) {
  open.progress.locks.clear();
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
      return std::max(now - (*episode)->starts_at, Duration{});  // its clock is not ours
  }
  return now - open.incident.times.detected_at.value_or(now);
}

WallTime next_look(WallTime now, WallTime settle_at) {
  const Duration step = std::clamp<Duration>((settle_at - now) / 5, kLeastLook, kMostLook);
  return std::min(now + step, std::max(settle_at, now));
}

}  // namespace

Status record_intent(Ledger& ledger, const StepIntent& intent) {
  const std::string& id = intent.step.incident_id;
  HEAL_TRY(OpenIncident* const open, running(ledger, id, IncidentState::kExecuting));
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

Status record_outcome(Ledger& ledger, const std::string& incident_id, const StepReport& report) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kExecuting));
  open->unknown_steps.erase(report.step_id);
  open->progress.stepped_at = ledger.clock().now();
  ledger.write(PutStepOutcome{incident_id, report.step_id});
  ledger.append(incident_id, "step_outcome",
                fmt::format("step {} ({}): {}: {}", report.name, report.kind, report.outcome,
                            printable(report.result.message, 400)),
                {{"step_id", report.step_id},
                 {"step", report.name},
                 {"kind", report.kind},
                 {"outcome", report.outcome},
                 {"reason", report.result.reason},
                 {"message", printable(report.result.message, 2000)},
                 {"outputs", report.result.outputs},
                 {"duration_seconds", to_seconds(report.duration)}});
  const std::string playbook = open->incident.playbook;
  ledger.effect([metrics = ledger.metrics(), playbook, report] {
    metrics.actions.at({playbook, report.kind, report.outcome}).increment();
    if (report.outcome != words::kSkipped) metrics.durations.at({playbook, report.kind}).observe(report.duration);
  });
  return {};
}

Status record_note(Ledger& ledger, const std::string& incident_id, const std::string& kind, const std::string& message,
                   const std::string& data) {
  ledger.append(incident_id, kind, printable(message, 500), parsed(data));
  return {};
}

Status record_run_end(Ledger& ledger, const std::string& incident_id, const RunEnd& end) {
  if (!end.event) return {};
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kExecuting));
  if (*end.event == IncidentEvent::kRequeue) {
    open->progress.locks.clear();
    open->progress.wake_at = ledger.clock().now();
  } else if (*end.event != IncidentEvent::kStepsDone) {
    let_go(ledger, *open);
  }
  ledger.move(incident_id, *end.event, end.reason, printable(end.message, 500));
  return {};
}

Status record_verified(Ledger& ledger, const std::string& incident_id, const VerifyRound& round,
                       Duration stay_healthy) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kVerifying));
  const WallTime now = ledger.clock().now();
  ledger.append(incident_id, "verify",
                fmt::format("verification: {}: {}", to_string(round.answer), printable(round.message, 400)),
                parsed(round_json(round)));
  let_go(ledger, *open);
  if (round.answer != Answer::kPass) {
    const bool is_unknown = round.answer == Answer::kUnknown;
    ledger.move(incident_id, IncidentEvent::kFail, is_unknown ? "verify_unknown" : "not_verified",
                fmt::format("{}: {}", is_unknown ? "could not find out whether it helped" : "it did not help",
                            printable(round.message, 400)));
    return {};
  }
  open->incident.times.verified_at = now;
  const Duration age = age_of(ledger, *open, now);
  ledger.effect([metrics = ledger.metrics(), age] { metrics.time_to_verify.observe(age); });
  const std::string target = open->incident.target->str();
  TargetHistory history = ledger.history(target);
  history.healed(incident_id, now);
  ledger.put_history(target, std::move(history));
  open->progress.settle_at = now + stay_healthy;
  open->progress.wake_at = next_look(now, *open->progress.settle_at);
  ledger.move(incident_id, IncidentEvent::kVerified, "verified",
              fmt::format("verified: {}", printable(round.message, 400)));
  return {};
}

Status record_settled(Ledger& ledger, const std::string& incident_id, const VerifyRound& round) {
  HEAL_TRY(OpenIncident* const open, running(ledger, incident_id, IncidentState::kRecovered));
  const WallTime now = ledger.clock().now();
  const WallTime settle_at = open->progress.settle_at.value_or(now);
  if (round.answer == Answer::kFail) {
    ledger.append(incident_id, "verify", fmt::format("bad again: {}", printable(round.message, 400)),
                  parsed(round_json(round)));
    ledger.move(incident_id, IncidentEvent::kRelapse, "relapsed",
                fmt::format("was healthy and is not any more: {}", printable(round.message, 400)));
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
    ledger.move(incident_id, IncidentEvent::kClose, "stayed_healthy", "stayed healthy after the heal");
    return {};
  }
  if (now - settle_at >= kSettlePatience) {
    ledger.move(incident_id, IncidentEvent::kClose, "stay_healthy_unknown",
                fmt::format("could not find out whether it stayed healthy: {}", printable(round.message, 400)));
    return {};
  }
  open->progress.wake_at = now + 10s;
  return {};
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
