#include "common/remedy/guard/guard.h"

#include <array>

#include <fmt/format.h>

#include "common/remedy/words.h"

namespace heal::remedy {

bool GuardSnapshot::is_manual() const {
  return subject.origin.source == words::kManual;
}

std::string_view to_string(Verdict::Kind kind) {
  constexpr std::array<std::string_view, 6> kNames{words::kAllow, words::kHold,   words::kRefuse,
                                                   words::kStale, words::kShadow, words::kAsk};
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<Duration> GuardSnapshot::healthy_before() const {
  const auto& since = history.was_healthy_since;
  const auto& began = subject.incident.times.detected_at;
  if (!since || !began || *began < *since) return std::nullopt;
  return *began - *since;
}

const std::vector<NamedGuard>& all_guards() {
  static const std::vector<NamedGuard> kGuards{{words::kLeverGuard, guard_lever},
                                               {words::kStoreGuard, guard_store},
                                               {words::kFreshEvidenceGuard, guard_fresh_evidence},
                                               {words::kBeforeGuard, guard_before},
                                               {words::kPausesGuard, guard_pauses},
                                               {words::kWindowsGuard, guard_windows},
                                               {words::kBlockingAlertsGuard, guard_blocking_alerts},
                                               {words::kStormGuard, guard_storm},
                                               {words::kBreakerGuard, guard_breaker},
                                               {words::kFlapGuard, guard_flap},
                                               {words::kBudgetGuard, guard_budget},
                                               {words::kCooldownGuard, guard_cooldown},
                                               {words::kLockGuard, guard_target_lock},
                                               {words::kInFlightGuard, guard_in_flight},
                                               {words::kPopulationGuard, guard_population},
                                               {words::kModeGuard, guard_mode}};
  return kGuards;
}

Verdict blind_verdict(Verdict verdict, playbook::OnError on_error, std::string_view reason, std::string message) {
  verdict.is_blind = true;
  verdict.reason = reason;
  verdict.inputs.emplace_back("on_error", playbook::to_string(on_error));
  if (on_error == playbook::OnError::kAllow) {
    verdict.message = std::move(message) + "; on_error: allow";
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  verdict.message = std::move(message) + "; on_error: block";
  return verdict;
}

Decision ask_guards(const GuardSnapshot& snapshot) {
  Decision decision;
  decision.decisive.guard = words::kNoGuard;
  decision.decisive.reason = "allowed";
  decision.decisive.message = "every guard allows it";
  bool is_decided = false;
  for (const NamedGuard& guard : all_guards()) {
    Verdict verdict = guard.ask(snapshot);
    if (!is_decided && verdict.kind != Verdict::Kind::kAllow) {
      decision.decisive = verdict;
      is_decided = true;
    }
    decision.verdicts.push_back(std::move(verdict));
  }
  return decision;
}

}  // namespace heal::remedy
