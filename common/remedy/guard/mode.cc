#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_mode(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kModeGuard;
  verdict.inputs.emplace_back("mode", playbook::to_string(snapshot.plan().mode));
  if (snapshot.plan().mode == playbook::Mode::kAuto) {
    verdict.reason = "auto";
    verdict.message = "the playbook may act by itself";
    return verdict;
  }
  verdict.kind = Verdict::Kind::kShadow;
  verdict.reason = "shadow";
  verdict.message = "the playbook is in shadow mode: this is what it would do, and nothing is done";
  return verdict;
}

}  // namespace heal::remedy
