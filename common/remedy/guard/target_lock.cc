#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_target_lock(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kLockGuard;
  verdict.reason = "free";
  verdict.message = "no other incident holds a target of this plan";
  for (const auto& [target, incident] : snapshot.holders) {
    verdict.inputs.emplace_back(target, incident);
    verdict.kind = Verdict::Kind::kHold;
    verdict.reason = "target_locked";
    verdict.message = fmt::format("{} is held by incident {}", target, incident);
    verdict.until = snapshot.now + kLockRetry;
  }
  return verdict;
}

}  // namespace heal::remedy
