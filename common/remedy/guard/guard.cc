#include "common/remedy/guard/guard.h"

#include <array>

#include <fmt/format.h>

#include "common/remedy/words.h"

namespace heal::remedy {

bool GuardSnapshot::is_manual() const {
  return subject.origin.source == words::kManual;
}

std::string_view to_string(Verdict::Kind kind) {
  constexpr std::array<std::string_view, 5> kNames{words::kAllow, words::kHold, words::kRefuse, words::kStale,
                                                   words::kShadow};
  return kNames[static_cast<std::size_t>(kind)];
}

const std::vector<Guard>& all_guards() {
  static const std::vector<Guard> kGuards{guard_fresh_evidence, guard_before, guard_target_lock,
                                          guard_cooldown,       guard_budget, guard_mode};
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
  for (Guard guard : all_guards()) {
    Verdict verdict = guard(snapshot);
    if (!is_decided && verdict.kind != Verdict::Kind::kAllow) {
      decision.decisive = verdict;
      is_decided = true;
    }
    decision.verdicts.push_back(std::move(verdict));
  }
  return decision;
}

}  // namespace heal::remedy
