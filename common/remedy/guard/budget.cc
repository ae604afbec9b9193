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
  // Healthy for that long means that this is a new problem: what the last one used up does not count.
  const auto healthy = snapshot.healthy_before();
  const bool is_new = healthy && *healthy >= settings.healthy;
  const std::size_t used = is_new ? snapshot.history.attempts_after(*snapshot.history.was_healthy_since)
                                  : snapshot.history.attempts_since(snapshot.now, settings.window);
  verdict.inputs.emplace_back("attempts", fmt::format("{}", used));
  verdict.inputs.emplace_back("allowed", fmt::format("{}", settings.attempts));
  verdict.inputs.emplace_back("window", format_duration(settings.window));
  verdict.inputs.emplace_back("healthy_before", healthy ? format_duration(*healthy) : "not known to be healthy");
  verdict.inputs.emplace_back("healthy", format_duration(settings.healthy));
  verdict.message =
      is_new ? fmt::format("healthy for {} before this: a new problem, {} of {} attempts used",
                           format_duration_short(*healthy), used, settings.attempts)
             : fmt::format("{} of {} attempts used in {}", used, settings.attempts, format_duration(settings.window));
  if (used < settings.attempts) return verdict;
  verdict.kind = Verdict::Kind::kRefuse;
  verdict.reason = words::kBudgetExhausted;
  return verdict;
}

}  // namespace heal::remedy
