#include "common/remedy/resume.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {
namespace {

struct LastOutcome {
  std::size_t number = 0;
  std::string outcome, reason, message;
  Labels outputs;
};

std::string text_or_empty(const Json& data, std::string_view name) {
  auto text = get_optional_string(data, name);
  return text.has_value() ? text->value_or("") : "";
}

/// The outcomes of one list of steps in this attempt: index → the last one.
std::map<std::size_t, LastOutcome> last_outcomes(const Incident& incident, StepRole role,
                                                 const std::vector<TimelineEntry>& timeline) {
  std::map<std::size_t, LastOutcome> out;
  for (const auto& entry : timeline) {
    if (entry.kind != "step_outcome") continue;
    auto data = parse_json(entry.data);
    if (!data.has_value()) continue;
    const auto id = parse_step_id(text_or_empty(*data, "step_id"));
    if (!id || id->attempt != incident.attempt || id->ref.role != role) continue;
    LastOutcome last{id->attempt_try,
                     text_or_empty(*data, "outcome"),
                     text_or_empty(*data, "reason"),
                     text_or_empty(*data, "message"),
                     {}};
    if (auto outputs = get_optional_labels(*data, "outputs"); outputs.has_value()) last.outputs = std::move(*outputs);
    out[id->ref.index] = std::move(last);
  }
  return out;
}

/// What the intents and outcomes of the plan's steps in this attempt say of what they found and changed.
std::map<std::size_t, StepMemory> memory_of(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  std::map<std::size_t, StepMemory> out;
  for (const auto& entry : timeline) {
    const bool is_intent = entry.kind == "step_intent";
    if (!is_intent && entry.kind != "step_outcome") continue;
    auto data = parse_json(entry.data);
    if (!data.has_value()) continue;
    const auto id = parse_step_id(text_or_empty(*data, "step_id"));
    if (!id || id->attempt != incident.attempt || id->ref.role != StepRole::kStep) continue;
    StepMemory& memory = out[id->ref.index];
    if (is_intent && !memory.found) memory.found = before_of(entry.data);
    if (is_intent) continue;
    if (auto outputs = get_optional_labels(*data, "outputs"); outputs.has_value())
      memory.has_changed |= label_value(*outputs, "changed") == "true";
  }
  return out;
}

std::optional<HalfDone> find_half_done(const Incident& incident, StepRole role,
                                       const std::vector<OpenStep>& open_steps) {
  for (const auto& step : open_steps) {
    const auto id = parse_step_id(step.step_id);
    if (step.incident_id == incident.id && id && id->attempt == incident.attempt && id->ref.role == role)
      return HalfDone{id->ref, id->attempt_try, step};
  }
  return std::nullopt;
}

/// Which of the steps can be undone, and which undos are over.
void fold_undos(ResumePoint& point, const Incident& incident, const playbook::Plan& plan,
                const std::vector<TimelineEntry>& timeline) {
  for (const auto& [index, last] : last_outcomes(incident, StepRole::kStep, timeline)) {
    const StepMemory& memory = point.memory[index];
    const auto changed = label_value(last.outputs, "changed");
    if (index < plan.steps.size() && is_undoable(plan.steps[index], memory, last.outcome, changed, last.number))
      point.done.push_back({index, memory.found.value_or(BeforeState())});
  }
  for (const auto& [index, last] : last_outcomes(incident, StepRole::kUndo, timeline)) {
    if (!has_step(plan, {StepRole::kUndo, index})) continue;
    const auto& step = plan.steps[index];
    point.undo_tries[index] = last.number;
    const bool is_good = last.outcome == words::kUndone || last.outcome == words::kSkipped;
    const bool may_try = last.outcome != words::kUnknown &&
                         (last.reason == "did_not_happen" || last.number < step.undo.front().retry.attempts);
    if (!is_good && may_try) continue;
    point.undone.push_back(index);
    if (!is_good) point.failed_undos.push_back(fmt::format("{}: {}", step.name, last.message));
  }
}

/// What an outcome that is not good leads to; nullopt: the step may be tried again.
std::optional<RunEnd> end_of(const playbook::PlannedStep& step, const LastOutcome& last) {
  if (last.outcome == words::kUnknown) {
    if (step.on_unknown == playbook::OnUnknown::kUndo)
      return RunEnd{IncidentEvent::kFail, std::string(words::kOutcomeUnknown), last.message, RunEnd::Undo::kAlways};
    return RunEnd{IncidentEvent::kHalt, std::string(words::kOutcomeUnknown), last.message};
  }
  if (last.reason == "did_not_happen" || last.reason == words::kRerun || last.number < step.retry.attempts)
    return std::nullopt;
  return RunEnd{IncidentEvent::kFail, "step_failed", fmt::format("step {} failed: {}", step.name, last.message),
                RunEnd::Undo::kByPolicy};
}

}  // namespace

ResumePoint resume_point(const Incident& incident, const playbook::Plan& plan, StepRole part,
                         const std::vector<TimelineEntry>& timeline, const std::vector<OpenStep>& open_steps) {
  ResumePoint point;
  point.memory = memory_of(incident, timeline);
  fold_undos(point, incident, plan, timeline);
  point.half_done = find_half_done(incident, part, open_steps);
  if (part == StepRole::kUndo) return point;
  const auto& steps = part == StepRole::kResolved ? plan.on_resolved->steps : plan.steps;
  for (const auto& [index, last] : last_outcomes(incident, part, timeline)) {
    if (index >= steps.size()) continue;
    const auto& step = steps[index];
    for (const auto& [name, value] : last.outputs)
      point.outputs[fmt::format("steps.{}.{}", step.name, name)] = value;
    if (last.reason == words::kTooOld) {  // nothing was begun
      point.end = RunEnd{IncidentEvent::kRequeue, last.reason, last.message};
      continue;
    }
    if (last.outcome == words::kDone || last.outcome == words::kSkipped) {
      point.first_step = index + 1;
      point.first_try = 1;
      continue;
    }
    point.first_step = index;
    point.first_try = last.number + 1;
    point.end = end_of(step, last);
  }
  if (point.half_done) {
    point.first_step = point.half_done->ref.index;
    point.end.reset();
  }
  if (!point.half_done && !point.end && point.first_step >= steps.size())
    point.end = RunEnd{IncidentEvent::kStepsDone, "steps_done", "every step ran"};
  for (std::size_t i = point.first_step; !point.end && i < steps.size(); ++i)
    point.would_act |= steps[i].effect == playbook::Effect::kChanges;
  return point;
}

}  // namespace heal::remedy
