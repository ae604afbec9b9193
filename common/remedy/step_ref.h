#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/playbook/plan.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {

/// Which list of a plan a step stands in.
enum class StepRole {
  kStep,      ///< `steps`
  kUndo,      ///< the undo of the step at the same index
  kResolved,  ///< `on_resolved`
};

/// One step of a plan.
struct StepRef {
  StepRole role = StepRole::kStep;
  std::size_t index = 0;

  bool operator==(const StepRef&) const = default;
};

/// The step itself; `ref` must be one of `plan`.
const playbook::PlannedStep& planned_step(const playbook::Plan& plan, StepRef ref);
/// False when the plan has no such step.
bool has_step(const playbook::Plan& plan, StepRef ref);

/// A step that ran (or may have) and can be undone, with what it found before it acted.
struct DoneStep {
  std::size_t index = 0;
  BeforeState before;

  bool operator==(const DoneStep&) const = default;
};
/// What is remembered of a step over its tries.
struct StepMemory {
  std::optional<BeforeState> found;  ///< before its first try
  bool has_changed = false;          ///< a try said that it changed something
};
/// Whether the undo of a step has something to take back. `outcome` is the word of its last try, number `tries`, and
/// `changed` what that one said of it ("" for nothing).
bool is_undoable(const playbook::PlannedStep& step, const StepMemory& memory, std::string_view outcome,
                 std::string_view changed, std::size_t tries);

/// What the step at `index` found; empty when it is not among them.
BeforeState found_by(const std::vector<DoneStep>& done, std::size_t index);
/// The member `before` of a journaled intent.
BeforeState before_of(const std::string& intent_data);
/// The kind of step that an intent is of; "" when it does not say.
std::string kind_of(const std::string& intent_data);

/// Name of a step in the journal: `<attempt>/<index>/<name>/<try>`, with `u` before the index of an undo and `r` before
/// that of a step of on_resolved.
std::string make_step_id(std::uint64_t attempt, StepRef ref, const std::string& name, std::size_t attempt_try);
/// The same without the try.
std::string make_step_key(std::uint64_t attempt, StepRef ref, const std::string& name);
struct StepIdParts {
  std::uint64_t attempt = 0;
  StepRef ref;
  std::string name;
  std::size_t attempt_try = 0;
};
std::optional<StepIdParts> parse_step_id(const std::string& step_id);

}  // namespace heal::remedy
