#include "common/remedy/step_ref.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"
#include "common/wire/json.h"

namespace heal::remedy {

const playbook::PlannedStep& planned_step(const playbook::Plan& plan, StepRef ref) {
  if (ref.role == StepRole::kResolved) return plan.on_resolved->steps[ref.index];
  const auto& step = plan.steps[ref.index];
  return ref.role == StepRole::kUndo ? step.undo.front() : step;
}

bool has_step(const playbook::Plan& plan, StepRef ref) {
  if (ref.role == StepRole::kResolved) return plan.on_resolved && ref.index < plan.on_resolved->steps.size();
  if (ref.index >= plan.steps.size()) return false;
  return ref.role == StepRole::kStep || !plan.steps[ref.index].undo.empty();
}

bool is_undoable(const playbook::PlannedStep& step, const StepMemory& memory, std::string_view outcome,
                 std::string_view changed, std::size_t tries) {
  if (step.undo.empty()) return false;
  const ActionKind* action = find_action(step.kind);
  const bool can_tell = action != nullptr && action->was_so != nullptr && memory.found;
  if (can_tell && action->was_so(step, *memory.found)) return false;
  const bool has_changed = memory.has_changed || changed == "true";
  if (outcome == words::kUnknown) return step.on_unknown == playbook::OnUnknown::kUndo;
  if (outcome == words::kFailed || outcome == words::kTimeout || outcome == words::kRefused) return has_changed;
  if (outcome != words::kDone) return false;
  // A further try that found it done already: the one before has had its effect after all.
  return has_changed || changed != "false" || (can_tell && tries > 1);
}

BeforeState found_by(const std::vector<DoneStep>& done, std::size_t index) {
  for (const auto& step : done) {
    if (step.index == index) return step.before;
  }
  return {};
}

std::string kind_of(const std::string& intent_data) {
  const auto data = parse_json(intent_data);
  const auto kind = data.has_value() ? get_optional_string(*data, "kind") : Result<std::optional<std::string>>();
  return kind.has_value() ? kind->value_or("") : "";
}

BeforeState before_of(const std::string& intent_data) {
  const auto data = parse_json(intent_data);
  if (!data.has_value()) return {};
  const auto labels = get_optional_labels(*data, "before");
  return labels.has_value() ? BeforeState(labels->begin(), labels->end()) : BeforeState();
}

std::string make_step_id(std::uint64_t attempt, StepRef ref, const std::string& name, std::size_t attempt_try) {
  const char* mark = ref.role == StepRole::kUndo ? "u" : ref.role == StepRole::kResolved ? "r" : "";
  return fmt::format("{}/{}{}/{}/{}", attempt, mark, ref.index, name, attempt_try);
}

std::string make_step_key(std::uint64_t attempt, StepRef ref, const std::string& name) {
  const std::string id = make_step_id(attempt, ref, name, 0);
  return id.substr(0, id.rfind('/'));
}

std::optional<StepIdParts> parse_step_id(const std::string& step_id) {
  const auto parts = split(step_id, '/');
  if (parts.size() != 4) return std::nullopt;
  StepIdParts out;
  std::string_view place = parts[1];
  if (place.substr(0, 1) == "u") out.ref.role = StepRole::kUndo;
  if (place.substr(0, 1) == "r") out.ref.role = StepRole::kResolved;
  if (out.ref.role != StepRole::kStep) place.remove_prefix(1);
  const auto attempt = parse_int(parts[0]);
  const auto index = parse_int(place);
  const auto number = parse_int(parts[3]);
  if (!attempt || !index || !number || *attempt < 0 || *index < 0 || *number < 0) return std::nullopt;
  out.attempt = static_cast<std::uint64_t>(*attempt);
  out.ref.index = static_cast<std::size_t>(*index);
  out.name = std::string(parts[2]);
  out.attempt_try = static_cast<std::size_t>(*number);
  return out;
}

}  // namespace heal::remedy
