#include "common/remedy/words.h"

namespace heal::remedy::words {
namespace {

std::vector<std::string> strings(std::initializer_list<std::string_view> list) {
  return {list.begin(), list.end()};
}

}  // namespace

std::vector<std::string> sources() {
  return strings({kAlertmanager, kManual});
}
std::vector<std::string> event_results() {
  return strings({kAccepted, kResolved, kDuplicate, kLateResolve, kLateEvidence, kRejected, kStoreError});
}
std::vector<std::string> decision_results() {
  return strings({kAllow, kHold, kRefuse, kStale, kShadow, kUnmatched});
}
std::vector<std::string> guards() {
  return strings({kNoGuard, kRouteStage, kInventoryStage, kPlanStage, kModeGuard, kFreshEvidenceGuard, kBeforeGuard,
                  kLockGuard, kCooldownGuard, kBudgetGuard});
}
std::vector<std::string> step_outcomes() {
  return strings({kDone, kFailed, kTimeout, kUnknown, kSkipped});
}

}  // namespace heal::remedy::words
