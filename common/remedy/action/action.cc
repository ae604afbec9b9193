#include "common/remedy/action/action.h"

namespace heal::remedy {
namespace {

const std::vector<const ActionKind*>& all_actions() {
  static const std::vector<const ActionKind*> kActions{
      &kDockerInspect,       &kDockerLogs,        &kDockerStart,     &kDockerStop,    &kDockerRestart,  &kDockerKill,
      &kDockerPause,         &kDockerUnpause,     &kDockerExec,      &kDockerUpdate,  &kDockerRecreate, &kComposeStart,
      &kComposeStop,         &kComposeRestart,    &kAnsiblePlaybook, &kHaproxyServer, &kCommand,        &kProcessSignal,
      &kSystemdUnit,         &kHostDropCaches,    &kHttpRequest,     &kWaitHttp,      &kWaitTcp,        &kWaitPromql,
      &kAlertmanagerSilence, &kAlertmanagerAlert, &kNotifyEmail,     &kNotifyWebhook, &kAssert};
  return kActions;
}

}  // namespace

ActionResult ActionResult::of_error(const Error& error) {
  bool is_unknown = true;
  switch (error.code()) {
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kRefused:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kUnreachable:
    case ErrorCode::kInternal:
      is_unknown = false;
      break;
    default:
      break;
  }
  ActionResult result{
      is_unknown ? Kind::kUnknown : Kind::kFailed, std::string(to_string(error.code())), error.str(), {}};
  result.was_refused = error.code() == ErrorCode::kRefused;
  return result;
}

ActionResult ActionResult::of_later_error(const Error& error) {
  ActionResult result = of_error(error);
  result.was_refused = false;
  return result;
}

const ActionKind* find_action(std::string_view kind) {
  for (const ActionKind* action : all_actions()) {
    if (action->name == kind) return action;
  }
  return nullptr;
}

}  // namespace heal::remedy
