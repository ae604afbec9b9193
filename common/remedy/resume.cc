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

/// Step index → its last outcome in this attempt.
std::map<std::size_t, LastOutcome> last_outcomes(const Incident& incident, const std::vector<TimelineEntry>& timeline) {
  std::map<std::size_t, LastOutcome> out;
  for (const auto& entry : timeline) {
    if (entry.kind != "step_outcome") continue;
    auto data = parse_json(entry.data);
    if (!data.has_value()) continue;
    const auto id = parse_step_id(text_or_empty(*data, "step_id"));
    if (!id || id->attempt != incident.attempt) continue;
    LastOutcome last{id->attempt_try,
                     text_or_empty(*data, "outcome"),
                     text_or_empty(*data, "reason"),
                     text_or_empty(*data, "message"),
                     {}};
    if (auto outputs = get_optional_labels(*data, "outputs"); outputs.has_value()) last.outputs = std::move(*outputs);
    out[id->index] = std::move(last);
  }
  return out;
}

std::optional<HalfDone> find_half_done(const Incident& incident, const std::vector<OpenStep>& open_steps) {
  for (const auto& step : open_steps) {
    const auto id = parse_step_id(step.step_id);
    if (step.incident_id == incident.id && id && id->attempt == incident.attempt)
      return HalfDone{id->index, id->attempt_try, step};
  }
  return std::nullopt;
}

/// What an outcome that is not good leads to; nullopt: the step may be tried again.
std::optional<RunEnd> end_of(const playbook::PlannedStep& step, const LastOutcome& last) {
  if (last.outcome == words::kUnknown) return RunEnd{IncidentEvent::kHalt, "outcome_unknown", last.message};
  if (last.reason == "did_not_happen" || last.reason == words::kRerun || last.number < step.retry.attempts)
    return std::nullopt;
  return RunEnd{IncidentEvent::kFail, "step_failed", fmt::format("step {} failed: {}", step.name, last.message)};
}

}  // namespace

ResumePoint resume_point(const Incident& incident, const playbook::Plan& plan,
                         const std::vector<TimelineEntry>& timeline, const std::vector<OpenStep>& open_steps) {
  ResumePoint point;
  for (const auto& [index, last] : last_outcomes(incident, timeline)) {
    if (index >= plan.steps.size()) continue;
    const auto& step = plan.steps[index];
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
  point.half_done = find_half_done(incident, open_steps);
  if (point.half_done) {
    point.first_step = point.half_done->index;
    point.end.reset();
  }
  if (!point.half_done && !point.end && point.first_step >= plan.steps.size())
    point.end = RunEnd{IncidentEvent::kStepsDone, "steps_done", "every step ran"};
  for (std::size_t i = point.first_step; !point.end && i < plan.steps.size(); ++i)
    point.would_act |= plan.steps[i].effect == playbook::Effect::kChanges;
  return point;
}

}  // namespace heal::remedy
