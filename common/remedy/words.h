#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The closed sets of words that stand in the journal, in the API and as label values of metrics: one spelling each.
namespace heal::remedy::words {

// Where an event came from.
inline constexpr std::string_view kAlertmanager = "alertmanager";
inline constexpr std::string_view kManual = "manual";
std::vector<std::string> sources();

// What became of an event.
inline constexpr std::string_view kAccepted = "accepted";           ///< a new episode
inline constexpr std::string_view kResolved = "resolved";           ///< ended a known episode
inline constexpr std::string_view kDuplicate = "duplicate";         ///< known already
inline constexpr std::string_view kLateResolve = "late_resolve";    ///< resolved, never seen firing
inline constexpr std::string_view kLateEvidence = "late_evidence";  ///< of a fault that is healed already
inline constexpr std::string_view kRejected = "rejected";           ///< could not be read
inline constexpr std::string_view kStoreError = "store_error";      ///< answered 503
std::vector<std::string> event_results();

// What was decided.
inline constexpr std::string_view kAllow = "allow";
inline constexpr std::string_view kHold = "hold";
inline constexpr std::string_view kRefuse = "refuse";
inline constexpr std::string_view kStale = "stale";
inline constexpr std::string_view kShadow = "shadow";
inline constexpr std::string_view kUnmatched = "unmatched";
std::vector<std::string> decision_results();

// Who decided it: the guards in their order, before them the stages that can end an incident.
inline constexpr std::string_view kNoGuard = "none";
inline constexpr std::string_view kRouteStage = "route";
inline constexpr std::string_view kInventoryStage = "inventory";
inline constexpr std::string_view kPlanStage = "plan";
inline constexpr std::string_view kModeGuard = "mode";
inline constexpr std::string_view kFreshEvidenceGuard = "fresh_evidence";
inline constexpr std::string_view kBeforeGuard = "before";
inline constexpr std::string_view kLockGuard = "target_lock";
inline constexpr std::string_view kCooldownGuard = "cooldown";
inline constexpr std::string_view kBudgetGuard = "budget";
std::vector<std::string> guards();

// How a step ended.
inline constexpr std::string_view kDone = "done";
inline constexpr std::string_view kFailed = "failed";
inline constexpr std::string_view kTimeout = "timeout";
inline constexpr std::string_view kUnknown = "unknown";
inline constexpr std::string_view kSkipped = "skipped";
std::vector<std::string> step_outcomes();

// Why it ended so, where the restart after a kill has to know.
inline constexpr std::string_view kRerun = "rerun";              ///< unknown, and may be repeated
inline constexpr std::string_view kTooOld = "evidence_too_old";  ///< not begun: the guards are asked again

}  // namespace heal::remedy::words
