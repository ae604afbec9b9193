#include "common/remedy/run_journal.h"

#include <fmt/format.h>

#include "common/wire/json.h"

namespace heal::remedy {

StepIntent make_intent(const std::string& incident_id, std::uint64_t attempt, const playbook::Plan& plan, StepRef ref,
                       std::size_t number, const BeforeState& before, WallTime now) {
  const auto& what = planned_step(plan, ref);
  StepIntent intent;
  intent.playbook = plan.playbook;
  intent.kind = what.kind;
  intent.effect = what.effect;
  intent.role = ref.role;
  if (what.effect == playbook::Effect::kChanges) intent.touches.push_back(what.target.value_or(plan.target).str());
  intent.step = {incident_id, make_step_id(attempt, ref, what.name, number), now,
                 dump({{"step", what.name}, {"kind", what.kind}, {"plan", plan.hash}, {"before", before}})};
  intent.message = fmt::format("{} {} ({}) begins{}", ref.role == StepRole::kUndo ? "undo of step" : "step", what.name,
                               what.kind, number > 1 ? fmt::format(", try {}", number) : "");
  return intent;
}

}  // namespace heal::remedy
