#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_cooldown(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kCooldownGuard;
  verdict.reason = "cool";
  const auto& settings = snapshot.plan().guards.cooldown;
  if (settings.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const TargetHistory& history = snapshot.history;
  verdict.inputs.emplace_back("period", format_duration(settings.period));
  verdict.inputs.emplace_back("last_action",
                              history.cooldown_from ? format_rfc3339_nano(*history.cooldown_from) : "none");
  if (!history.cooldown_from) {
    verdict.message = "this target was never acted on";
    return verdict;
  }
  const auto& ladder = snapshot.subject.progress.ladder;
  if (ladder && ladder->next > 0 && !ladder->needs_cooldown) {
    verdict.reason = "next_rung";
    verdict.message = "another playbook than the one that failed: the next rung of the ladder does not wait";
    return verdict;
  }
  if (history.held_since) {
    verdict.inputs.emplace_back("held_since", format_rfc3339_nano(*history.held_since));
    verdict.message = "the last heal was verified and held: this is a new fault";
    return verdict;
  }
  // The clock that does not jump decides where it was running then; across a restart there is only the other.
  const Duration elapsed = snapshot.acted_ago.value_or(snapshot.now - *history.cooldown_from);
  if (snapshot.acted_ago) verdict.inputs.emplace_back("acted_ago_without_jumps", format_duration(*snapshot.acted_ago));
  const WallTime until = snapshot.now + (settings.period - elapsed);
  if (elapsed >= settings.period) {
    verdict.message = fmt::format("the last action is longer ago than {}", format_duration(settings.period));
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = "cooldown";
  verdict.until = until;
  verdict.message =
      fmt::format("acted on at {}; the cooldown of {} lasts until {}", format_rfc3339(*history.cooldown_from),
                  format_duration(settings.period), format_rfc3339(until));
  return verdict;
}

}  // namespace heal::remedy
