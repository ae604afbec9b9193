#include "common/rehearsal/observe.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/model/incident_times.h"
#include "common/remedy/step_ref.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::rehearsal {
namespace {

using remedy::StepRole;

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump(value);
}

Json data_of(const TimelineEntry& entry) {
  auto json = parse_json(entry.data);
  return json.has_value() ? std::move(*json) : Json::object();
}

std::string_view word_of(StepRole role) {
  switch (role) {
    case StepRole::kStep:
      break;
    case StepRole::kUndo:
      return "undo";
    case StepRole::kResolved:
      return "on_resolved";
  }
  return "step";
}

/// The step as the plan has it; nullptr when it is not there.
const Json* planned(const Json& plan, remedy::StepRef ref) {
  const Json* steps = find_member(plan, "steps");
  if (ref.role == StepRole::kResolved) {
    const Json* resolved = find_member(plan, "on_resolved");
    steps = resolved == nullptr ? nullptr : find_member(*resolved, "steps");
  }
  if (steps == nullptr || !steps->is_array() || ref.index >= steps->size()) return nullptr;
  const Json& step = (*steps)[ref.index];
  return ref.role == StepRole::kUndo ? find_member(step, "undo") : &step;
}

/// Collects the steps of one incident from its timeline.
class Steps {
 public:
  explicit Steps(WallTime began_at) : began_at_(began_at) {}

  void take(const TimelineEntry& entry) {
    const Json data = data_of(entry);
    if (entry.kind == "planned") {
      const Json* plan = find_member(data, "plan");
      plan_ = plan == nullptr ? Json() : *plan;
    }
    if (entry.kind == "step_intent") begin(entry, data);
    if (entry.kind == "step_outcome") end(entry, data);
  }
  std::vector<ObservedStep> all() && { return std::move(steps_); }

 private:
  ObservedStep* find(const std::string& step_id, const TimelineEntry& entry) {
    const auto parts = remedy::parse_step_id(step_id);
    if (!parts) return nullptr;
    const std::string key = remedy::make_step_key(parts->attempt, parts->ref, parts->name);
    const auto [known, is_new] = index_.emplace(key, steps_.size());
    if (!is_new) return &steps_[known->second];
    ObservedStep step;
    step.name = parts->name;
    step.role = word_of(parts->ref.role);
    step.at = entry.at - began_at_;
    if (const Json* plan = planned(plan_, parts->ref); plan != nullptr) describe(step, *plan);
    steps_.push_back(std::move(step));
    return &steps_.back();
  }
  static void describe(ObservedStep& step, const Json& plan) {
    step.kind = get_string_or_empty(plan, "kind").value_or("");
    step.target = get_string_or_empty(plan, "target").value_or("");
    const Json* arguments = find_member(plan, "arguments");
    if (arguments == nullptr || !arguments->is_object()) return;
    for (const auto& [name, value] : arguments->items())
      step.arguments[name] = text_of(value);
  }
  void begin(const TimelineEntry& entry, const Json& data) {
    ObservedStep* step = find(get_string_or_empty(data, "step_id").value_or(""), entry);
    if (step != nullptr) step->outcome = "begun";
  }
  void end(const TimelineEntry& entry, const Json& data) {
    ObservedStep* step = find(get_string_or_empty(data, "step_id").value_or(""), entry);
    if (step == nullptr) return;
    step->outcome = get_string_or_empty(data, "outcome").value_or("");
    step->message = get_string_or_empty(data, "message").value_or("");
  }

  const WallTime began_at_;
  Json plan_;
  std::map<std::string, std::size_t> index_;
  std::vector<ObservedStep> steps_;
};

std::map<std::string, Duration> times_of(const IncidentTimes& times, WallTime began_at) {
  std::map<std::string, Duration> out;
  for (const NamedTime& each : kIncidentTimes) {
    if (const auto& time = times.*each.time) out[std::string(each.name)] = *time - began_at;
  }
  return out;
}

/// Oldest first.
Result<std::vector<Incident>> all_incidents(Store& store) {
  std::vector<Incident> out;
  IncidentQuery query;
  query.limit = 1000;
  for (bool goes_on = true; goes_on;) {
    HEAL_TRY(auto page, store.incidents(query));
    goes_on = page.size() == query.limit;
    if (goes_on) query.before_id = page.back().id;
    out.insert(out.end(), std::make_move_iterator(page.begin()), std::make_move_iterator(page.end()));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::string decision_of(const TimelineEntry& entry) {
  if (entry.kind == "unmatched") return fmt::format("{} {}", remedy::words::kUnmatched, remedy::words::kRouteStage);
  if (entry.kind != "decision") return "";
  const Json data = data_of(entry);
  std::string result = get_string_or_empty(data, "result").value_or("");
  const std::string guard = get_string_or_empty(data, "guard").value_or("");
  // What a guard refuses is held while the alert fires: the message has the word that counted.
  for (const std::string& word : remedy::words::decision_results()) {
    if (entry.message.starts_with(fmt::format("{}: {}: ", guard, word))) result = word;
  }
  return result == remedy::words::kAllow ? result : fmt::format("{} {}", result, guard);
}

Result<std::vector<ObservedIncident>> observe(Store& store, WallTime began_at) {
  HEAL_TRY(const auto incidents, all_incidents(store));
  std::vector<ObservedIncident> out;
  for (const Incident& incident : incidents) {
    HEAL_TRY(const auto timeline, store.timeline(incident.id));
    ObservedIncident seen;
    seen.alert = incident.name;
    seen.target = incident.target ? incident.target->str() : "";
    seen.playbook = incident.playbook;
    seen.state = to_string(incident.state);
    seen.reason = incident.reason;
    seen.message = incident.message;
    seen.type = incident.type;
    seen.times = times_of(incident.times, began_at);
    Steps steps(began_at);
    for (const TimelineEntry& entry : timeline) {
      seen.story.push_back({entry.at - began_at, entry.kind, entry.message});
      steps.take(entry);
      std::string decision = decision_of(entry);
      if (!decision.empty() && (seen.decisions.empty() || seen.decisions.back() != decision))
        seen.decisions.push_back(std::move(decision));
    }
    seen.steps = std::move(steps).all();
    out.push_back(std::move(seen));
  }
  return out;
}

}  // namespace heal::rehearsal
