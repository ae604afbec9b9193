#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_store(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kStoreGuard;
  verdict.reason = "takes_new_work";
  verdict.message = "the store takes new work";
  const auto& objection = snapshot.dossier.store_objection;
  verdict.inputs.emplace_back("store", objection ? *objection : "takes new work");
  if (!objection) return verdict;
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = words::kStoreFull;
  verdict.message = "what would be done might not be recorded: " + *objection;
  verdict.until = snapshot.now + kControlRetry;
  return verdict;
}

}  // namespace heal::remedy
