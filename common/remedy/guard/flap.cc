#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_flap(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kFlapGuard;
  verdict.reason = "steady";
  const auto& settings = snapshot.plan().guards.flap;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const std::size_t heals = snapshot.history.heals_since(snapshot.now, settings.window);
  verdict.inputs.emplace_back("heals", fmt::format("{}", heals));
  verdict.inputs.emplace_back("allowed", fmt::format("{}", settings.heals));
  verdict.inputs.emplace_back("window", format_duration(settings.window));
  if (heals < settings.heals) {
    verdict.message = fmt::format("healed {} times in {}", heals, format_duration(settings.window));
    return verdict;
  }
  verdict.kind = Verdict::Kind::kRefuse;
  verdict.reason = words::kFlapping;
  verdict.message = fmt::format("healed {} times in {} and broken again: healing does not help it", heals,
                                format_duration(settings.window));
  return verdict;
}

}  // namespace heal::remedy
