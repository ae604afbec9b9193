#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The closed sets of words that stand in the journal, in the API and as label values of metrics: one spelling each.
namespace heal::remedy::words {

// Where an event came from.
inline constexpr std::string_view kAlertmanager = "alertmanager";
inline constexpr std::string_view kGrafana = "grafana";
inline constexpr std::string_view kAzureMonitor = "azure-monitor";
inline constexpr std::string_view kSns = "sns";  ///< the envelope; what is in it has its own source
inline constexpr std::string_view kEventBridge = "eventbridge";
inline constexpr std::string_view kDocker = "docker";
inline constexpr std::string_view kSchedule = "schedule";
inline constexpr std::string_view kManual = "manual";
std::vector<std::string> sources();
/// True of a source that tells us of trouble and cannot be asked about it.
bool is_told_only(std::string_view source);

// What became of an event.
inline constexpr std::string_view kAccepted = "accepted";           ///< a new episode
inline constexpr std::string_view kResolved = "resolved";           ///< ended a known episode
inline constexpr std::string_view kDuplicate = "duplicate";         ///< known already
inline constexpr std::string_view kLateResolve = "late_resolve";    ///< resolved, never seen firing
inline constexpr std::string_view kLateEvidence = "late_evidence";  ///< of a fault that is healed already
inline constexpr std::string_view kHeartbeat = "heartbeat";         ///< the Watchdog: nothing to heal
inline constexpr std::string_view kOwnAction = "own_action";        ///< what our own steps did
inline constexpr std::string_view kOver = "over";                   ///< began and ended by itself
inline constexpr std::string_view kIgnored = "ignored";             ///< says nothing of a trouble
inline constexpr std::string_view kRejected = "rejected";           ///< could not be read
inline constexpr std::string_view kStoreError = "store_error";      ///< answered 503
std::vector<std::string> event_results();

// What kind of trouble an incident is, where several places ask for it.
inline constexpr std::string_view kAlertType = "ALERT";    ///< no more is known than that somebody said so
inline constexpr std::string_view kManualType = "MANUAL";  ///< a person's heal
inline constexpr std::string_view kDeploymentType = "DEPLOYMENT_FAILURE";

// What was decided.
inline constexpr std::string_view kAllow = "allow";
inline constexpr std::string_view kHold = "hold";
inline constexpr std::string_view kRefuse = "refuse";
inline constexpr std::string_view kStale = "stale";
inline constexpr std::string_view kShadow = "shadow";
inline constexpr std::string_view kAsk = "ask";  ///< a human must agree
inline constexpr std::string_view kUnmatched = "unmatched";
std::vector<std::string> decision_results();

// Who decided it: the guards in their order, before them the stages that can end an incident.
inline constexpr std::string_view kNoGuard = "none";
inline constexpr std::string_view kRouteStage = "route";
inline constexpr std::string_view kInventoryStage = "inventory";
inline constexpr std::string_view kPlanStage = "plan";
inline constexpr std::string_view kLeverGuard = "lever";
inline constexpr std::string_view kStoreGuard = "store";
inline constexpr std::string_view kFreshEvidenceGuard = "fresh_evidence";
inline constexpr std::string_view kBeforeGuard = "before";
inline constexpr std::string_view kPausesGuard = "pauses";
inline constexpr std::string_view kWindowsGuard = "windows";
inline constexpr std::string_view kBlockingAlertsGuard = "blocking_alerts";
inline constexpr std::string_view kStormGuard = "storm";
inline constexpr std::string_view kBreakerGuard = "breaker";
inline constexpr std::string_view kFlapGuard = "flap";
inline constexpr std::string_view kBudgetGuard = "budget";
inline constexpr std::string_view kCooldownGuard = "cooldown";
inline constexpr std::string_view kLockGuard = "target_lock";
inline constexpr std::string_view kInFlightGuard = "in_flight";
inline constexpr std::string_view kPopulationGuard = "population";
inline constexpr std::string_view kModeGuard = "mode";
std::vector<std::string> guards();

// Reasons of guards, and of people, that something else depends on.
inline constexpr std::string_view kRejectedByPerson = "rejected";
inline constexpr std::string_view kLeverEngaged = "lever_engaged";
inline constexpr std::string_view kStoreFull = "store_full";
inline constexpr std::string_view kPaused = "paused";
inline constexpr std::string_view kStorm = "storm";
inline constexpr std::string_view kBreakerOpen = "breaker_open";
inline constexpr std::string_view kNewProblem = "new_problem";
inline constexpr std::string_view kFlapping = "flapping";
inline constexpr std::string_view kBudgetExhausted = "budget_exhausted";
inline constexpr std::string_view kGroupBusy = "group_busy";
inline constexpr std::string_view kAlertsTruncated = "alerts_truncated";
inline constexpr std::string_view kOutcomeUnknown = "outcome_unknown";
inline constexpr std::string_view kTooManyInFlight = "too_many_in_flight";

// How a step ended.
inline constexpr std::string_view kDone = "done";
inline constexpr std::string_view kUndone = "undone";  ///< of an undo: what the step did was taken back
inline constexpr std::string_view kFailed = "failed";
inline constexpr std::string_view kTimeout = "timeout";
inline constexpr std::string_view kUnknown = "unknown";
inline constexpr std::string_view kRefused =
    "refused";  ///< nothing was changed: a guard at its border, or who was asked, said no
inline constexpr std::string_view kSkipped = "skipped";  ///< not begun: its condition is false, or its evidence too old
std::vector<std::string> step_outcomes();

// What is counted of a step that was done: known when its attempt is over.
inline constexpr std::string_view kVerified = "verified";             ///< verification has passed after it
inline constexpr std::string_view kRanUnverified = "ran_unverified";  ///< it has not, or nothing was verified after it
/// The outcomes that steps are counted by: those two in place of kDone.
std::vector<std::string> action_outcomes();

// Why it ended so, where the restart after a kill has to know.
inline constexpr std::string_view kRerun = "rerun";              ///< unknown, and may be repeated
inline constexpr std::string_view kTooOld = "evidence_too_old";  ///< not begun: the guards are asked again

// Why evidence ended, where that is no proof that its target is well.
inline constexpr std::string_view kNotVerified = "not_verified";  ///< it was done, and did not help
inline constexpr std::string_view kContainerRemoved = "container_removed";
inline constexpr std::string_view kLeftInventory = "left_inventory";  ///< it is no target any more
inline constexpr std::string_view kScheduleRemoved = "schedule_removed";
inline constexpr std::string_view kSuperseded = "superseded";  ///< by other evidence of the same source
bool is_proof_of_health(std::string_view end_reason);

/// As whom steps make silences in Alertmanager.
inline constexpr std::string_view kSilenceCreator = "promheal";

}  // namespace heal::remedy::words
