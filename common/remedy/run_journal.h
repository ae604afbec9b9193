#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/port/store.h"
#include "common/remedy/action/action.h"
#include "common/remedy/step_ref.h"

namespace heal::remedy {

/// A step that is about to act.
struct StepIntent {
  OpenStep step;
  std::string playbook, kind;
  playbook::Effect effect = playbook::Effect::kReads;
  StepRole role = StepRole::kStep;
  std::string message;
  bool is_first = false;               ///< nothing of this attempt was begun before
  std::vector<std::string> touches{};  ///< targets that it changes, also those that the plan does not name
};

/// What the first step of a plan found when it was looked at together with everything else: with it, the decision and
/// the step's intent become durable together.
struct FirstLook {
  BeforeState before;

  bool operator==(const FirstLook&) const = default;
};

/// The intent of try `number` of a step.
StepIntent make_intent(const std::string& incident_id, std::uint64_t attempt, const playbook::Plan& plan, StepRef ref,
                       std::size_t number, const BeforeState& before, WallTime now);

/// What became of it.
struct StepReport {
  std::string step_id, name, kind;
  StepRole role = StepRole::kStep;
  std::size_t index = 0;
  std::string outcome;  ///< words::kDone, kUndone, kFailed, kTimeout, kUnknown, kRefused or kSkipped
  ActionResult result;
  Duration duration{};
};

/// Where a running plan writes what it is about to do and what came of it. Each call returns when it is durable; an
/// Error means that nothing was written (kStorage: trying again may help; kCancelled: the service is stopping).
class RunJournal {
 public:
  virtual ~RunJournal() = default;
  /// kRefused: the run was called off; kConflict: its evidence is over, and nothing was begun yet; kUnavailable:
  /// another incident has something in its hands that the step would touch. The step must not be begun then. An undo is
  /// never refused, but for the last reason.
  virtual Status intent(const StepIntent& intent) = 0;
  virtual Status outcome(const StepReport& report) = 0;
  /// A line in the incident's timeline.
  virtual Status note(const std::string& kind, const std::string& message, const std::string& data) = 0;
};

}  // namespace heal::remedy
