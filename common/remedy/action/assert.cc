#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

ActionResult run_assert(const ActionScope& scope, const BeforeState&, Deadline, std::stop_token) {
  const auto result = playbook::evaluate(scope.step.that, scope.values);
  if (result.truth == playbook::Truth::kTrue) return ActionResult::done(result.explanation);
  const bool is_false = result.truth == playbook::Truth::kFalse;
  return ActionResult::failed(is_false ? "assertion_failed" : "value_missing", result.explanation);
}

ProbeAnswer probe_assert(const ActionScope&, const BeforeState&, WallTime, std::stop_token) {
  return {Probed::kDidNotHappen, "looking changes nothing"};
}

}  // namespace

const ActionKind kAssert{"assert", nullptr, run_assert, probe_assert};

}  // namespace heal::remedy
