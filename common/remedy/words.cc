#include "common/remedy/words.h"

#include "common/remedy/source/event_identity.h"

namespace heal::remedy::words {
namespace {

std::vector<std::string> strings(std::initializer_list<std::string_view> list) {
  return {list.begin(), list.end()};
}

}  // namespace

std::vector<std::string> sources() {
  return strings({kAlertmanager, kGrafana, kAzureMonitor, kSns, kEventBridge, kDocker, kSchedule, kManual});
}
bool is_told_only(std::string_view source) {
  return source == kGrafana || source == kAzureMonitor || source == kEventBridge;
}
std::vector<std::string> event_results() {
  return strings({kAccepted, kResolved, kDuplicate, kLateResolve, kLateEvidence, kHeartbeat, kOwnAction, kOver,
                  kIgnored, kRejected, kStoreError});
}
std::vector<std::string> decision_results() {
  return strings({kAllow, kHold, kRefuse, kStale, kShadow, kAsk, kUnmatched});
}
std::vector<std::string> guards() {
  return strings({kNoGuard,      kRouteStage,    kInventoryStage,      kPlanStage,
                  kLeverGuard,   kStoreGuard,    kFreshEvidenceGuard,  kBeforeGuard,
                  kPausesGuard,  kWindowsGuard,  kBlockingAlertsGuard, kStormGuard,
                  kBreakerGuard, kFlapGuard,     kBudgetGuard,         kCooldownGuard,
                  kLockGuard,    kInFlightGuard, kPopulationGuard,     kModeGuard});
}
std::vector<std::string> step_outcomes() {
  return strings({kDone, kUndone, kFailed, kTimeout, kUnknown, kRefused, kSkipped});
}
std::vector<std::string> action_outcomes() {
  return strings({kVerified, kRanUnverified, kUndone, kFailed, kTimeout, kUnknown, kRefused, kSkipped});
}

bool is_proof_of_health(std::string_view end_reason) {
  return end_reason != kContainerRemoved && end_reason != kLeftInventory && end_reason != kScheduleRemoved &&
         end_reason != kSuperseded && end_reason != end_reasons::kExpired && end_reason != end_reasons::kTaskRunning;
}

}  // namespace heal::remedy::words
