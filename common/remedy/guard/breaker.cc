#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_breaker(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kBreakerGuard;
  verdict.reason = "closed";
  verdict.message = "the breaker of this playbook and target is closed";
  const auto& guards = snapshot.plan().guards;
  const Breaker* breaker = snapshot.controls.breaker(snapshot.plan().playbook, snapshot.plan().target.str());
  if (breaker == nullptr) return verdict;
  const Duration least = breaker->reason == words::kFlapping ? guards.flap.window : guards.budget.healthy;
  const auto healthy = snapshot.healthy_before();
  verdict.inputs.emplace_back("opened_at", format_rfc3339_nano(breaker->opened_at));
  verdict.inputs.emplace_back("opened_by", breaker->incident_id);
  verdict.inputs.emplace_back("opened_for", breaker->reason);
  verdict.inputs.emplace_back("healthy_before", healthy ? format_duration(*healthy) : "not known to be healthy");
  verdict.inputs.emplace_back("healthy", format_duration(least));
  if (healthy && *healthy >= least) {
    verdict.reason = words::kNewProblem;
    verdict.message = fmt::format("the target was healthy for {}: this is a new problem, the breaker closes",
                                  format_duration_short(*healthy));
    return verdict;
  }
  verdict.kind = Verdict::Kind::kRefuse;
  verdict.reason = words::kBreakerOpen;
  verdict.message = fmt::format("the breaker is open since {} ({}: {}); a person must look, and reset it",
                                format_rfc3339(breaker->opened_at), breaker->reason, breaker->message);
  return verdict;
}

}  // namespace heal::remedy
