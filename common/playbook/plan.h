#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "common/model/target.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/playbook.h"

namespace heal::playbook {

/// What a plan is made from besides the files: all of it frozen when the incident was accepted.
struct PlanInput {
  Labels labels, annotations;  ///< of the event; empty for a manual heal
  Params params;               ///< from the route or from the operator
  InventoryTarget target;
  /// What is known of other targets that steps or checks name, by TargetId::str(); a step on a target that is neither
  /// here nor in heal.yml's inventory is refused.
  std::map<std::string, InventoryTarget, std::less<>> others;
};

/// One step, complete: everything that will be done, without any place left to fill in.
struct PlannedStep {
  std::string name, kind;
  std::optional<TargetId> target;  ///< absent for kinds that have no use for one
  Arguments arguments;
  std::vector<Condition> when;
  std::vector<Condition> that;    ///< kind `assert`
  std::optional<Check> wait_for;  ///< kinds `wait.*`: asked every `interval` (an argument) until the timeout
  Duration timeout{};
  Retry retry;
  OnUnknown on_unknown = OnUnknown::kHalt;
  Idempotence idempotence = Idempotence::kNotIdempotent;
  Effect effect = Effect::kChanges;
  std::vector<PlannedStep> undo;  ///< what takes it back: one, or none
  bool restores = false;          ///< an undo: the kind puts back what it found

  bool operator==(const PlannedStep&) const = default;
};

/// What is done once every alert has resolved.
struct PlannedResolved {
  Verification checks;  ///< what must be true first
  std::vector<PlannedStep> steps;

  bool operator==(const PlannedResolved&) const = default;
};

/// Everything a heal will do. Two plans with the same hash do the same.
struct Plan {
  std::string playbook;
  Mode mode = Mode::kShadow;  ///< not part of the hash: what is done is the same
  TargetId target;
  Params params;
  GuardSettings guards;
  std::string group;             ///< the target's own; "" for none
  std::string population_group;  ///< whose members the population guard counts; "": the target stands alone
  std::vector<Check> before;
  std::vector<PlannedStep> steps;
  std::optional<Verification> verify;
  Duration stay_healthy{};
  OnFailure on_failure = OnFailure::kUndo;
  ApprovalSettings approval;          ///< not part of the hash
  std::vector<std::string> escalate;  ///< the playbooks (and kPageRung) that follow when this plan fails
  std::optional<PlannedResolved> on_resolved;
  Scope scope;  ///< labels, annotations, params and target: what conditions see besides steps.*
  /// JSON object with sorted keys: what the hash is of. Values of secret headers and variables (see is_secret_name())
  /// stand in it as "<secret>": it is stored and shown.
  std::string canonical;
  std::string hash;  ///< SHA-256 of canonical, 64 hex digits

  bool operator==(const Plan&) const = default;
};

/// The targets that the playbook's steps and checks name with this input, the incident's own left out: whoever fills in
/// PlanInput::others looks at these. What cannot be expanded is left out; make_plan() says why.
std::vector<TargetId> other_targets(const Playbook& playbook, const PlanInput& input);

/// The plan, or why there is none: kRefused (allow-list, inventory, mode), kInvalid or kNotFound (a value that is
/// missing or does not fit); the message names step and argument. Pure: the same input gives the same plan.
Result<Plan> make_plan(const HealConfig& config, const Playbook& playbook, const PlanInput& input);

/// The plan for people, several lines.
std::string explain(const Plan& plan);

}  // namespace heal::playbook
