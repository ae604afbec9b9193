#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_budget(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kBudgetGuard;
  verdict.reason = "within_budget";
  const auto& settings = snapshot.plan().guards.budget;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const std::size_t used = snapshot.history.attempts_since(snapshot.now, settings.window);
  verdict.inputs.emplace_back("attempts", fmt::format("{}", used));
  verdict.inputs.emplace_back("allowed", fmt::format("{}", settings.attempts));
  verdict.inputs.emplace_back("window", format_duration(settings.window));
  verdict.message =
      fmt::format("{} of {} attempts used in {}", used, settings.attempts, format_duration(settings.window));
  if (used < settings.attempts) return verdict;
  verdict.kind = Verdict::Kind::kRefuse;
  verdict.reason = "budget_exhausted";
  return verdict;
}

}  // namespace heal::remedy
