#include <fmt/format.h>

#include "common/remedy/action/action.h"
#include "common/remedy/check.h"

namespace heal::remedy {
namespace {

constexpr Duration kMostPerQuestion = 5s;

/// Asks until the check passes or the step's time is over.
ActionResult wait_for_check(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  if (!scope.step.wait_for) return ActionResult::failed("invalid", "the step does not say what to wait for");
  const CheckScope check_scope{scope.world, scope.tools, {}, scope.newer_than};
  const Duration interval = scope.step.arguments.duration("interval");
  CheckResult last;
  for (;;) {
    const Deadline question = std::min(deadline, scope.tools.clock.deadline_in(kMostPerQuestion));
    last = ask(*scope.step.wait_for, check_scope, question, stop);
    if (last.answer == Answer::kPass) return ActionResult::done(last.message);
    if (scope.tools.clock.steady_now() + interval >= deadline) break;
    if (scope.tools.clock.sleep_for(interval, stop) == Clock::Wake::kStopped)
      return ActionResult::unknown("cancelled", "stopped while waiting");
  }
  return ActionResult::failed("timeout",
                              fmt::format("not within {}: {}", format_duration(scope.step.timeout), last.message));
}

ProbeAnswer probe_wait(const ActionScope&, const BeforeState&, WallTime, std::stop_token) {
  return {Probed::kDidNotHappen, "looking changes nothing"};
}

}  // namespace

const ActionKind kWaitHttp{"wait.http", nullptr, wait_for_check, probe_wait};
const ActionKind kWaitTcp{"wait.tcp", nullptr, wait_for_check, probe_wait};
const ActionKind kWaitPromql{"wait.promql", nullptr, wait_for_check, probe_wait};

}  // namespace heal::remedy
