#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_before(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kBeforeGuard;
  verdict.reason = "as_expected";
  verdict.message = snapshot.dossier.before.empty() ? "the playbook has no checks before it acts"
                                                    : "every check before the first step is as expected";
  const BeforeAnswer* unknown = nullptr;
  const BeforeAnswer* unexpected = nullptr;
  for (const BeforeAnswer& before : snapshot.dossier.before) {
    const bool wants_pass = before.check.wanted == playbook::Check::Wanted::kPassing;
    verdict.inputs.emplace_back(before.check.str(), fmt::format("{} (wanted: {}): {}", to_string(before.result.answer),
                                                                wants_pass ? "pass" : "fail", before.result.message));
    if (before.result.answer == Answer::kUnknown) {
      unknown = &before;
    } else if ((before.result.answer == Answer::kPass) != wants_pass) {
      unexpected = &before;
    }
  }
  if (snapshot.is_manual()) {
    verdict.reason = "manual";
    verdict.message = "asked for by a person: the checks are recorded and do not decide";
    return verdict;
  }
  if (unexpected != nullptr) {
    verdict.kind = Verdict::Kind::kStale;
    verdict.reason = unexpected->check.wanted == playbook::Check::Wanted::kFailing ? "healthy" : "precondition_failed";
    verdict.message = unexpected->result.message;
    return verdict;
  }
  if (unknown != nullptr) {
    return blind_verdict(verdict, snapshot.plan().guards.fresh_evidence.on_error, "check_unknown",
                         unknown->result.message);
  }
  return verdict;
}

}  // namespace heal::remedy
