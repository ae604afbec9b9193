#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/incident.h"
#include "common/playbook/plan.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// What a step knew before it acted; journaled with the intent, so that a probe can compare after a crash.
using BeforeState = std::map<std::string, std::string, std::less<>>;

/// What a step acts with.
struct ActionScope {
  const World& world;
  const Tools& tools;
  const playbook::Plan& plan;
  const playbook::PlannedStep& step;
  playbook::Scope values;              ///< what conditions see: the plan's scope and the outputs of the steps so far
  std::string container_id;            ///< of the incident's container, by which it is acted on; "" for other targets
  std::optional<WallTime> newer_than;  ///< PromQL samples at or before this do not count
  std::string incident_id{};           ///< "" where there is none
  /// Names the step among all that the incident ever runs: the same for each try and for an inverse that puts back what
  /// the step did, another for each attempt, rung and list of steps.
  std::string step_key{};
  /// Of an undo: the id of the container that the step acted on; "" when that is not known or another one is meant.
  std::string undone_container_id{};
  /// Of a probe: since when it is asked, by the clock that does not jump; nullopt: since now.
  std::optional<SteadyTime> asked_since{};
  /// Of a further try: what the first one found before it acted; nullptr for the first.
  const BeforeState* first_found = nullptr;
};

/// What came of a step.
struct ActionResult {
  enum class Kind {
    kDone,
    kFailed,   ///< it is known that it did not do what it should
    kUnknown,  ///< begun, and it is not known what became of it
  };
  Kind kind = Kind::kFailed;
  std::string reason;   ///< closed set: an ErrorCode's name, or e.g. "exit_code", "unexpected_status"
  std::string message;  ///< one line for people
  std::map<std::string, std::string, std::less<>> outputs;  ///< for conditions of later steps
  std::vector<std::string> notes{};                         ///< for people, in order: one line each, for the timeline
  bool was_refused = false;  ///< of kFailed: who was asked said no, and nothing had been changed by then

  static ActionResult done(std::string message, std::map<std::string, std::string, std::less<>> outputs = {}) {
    return {Kind::kDone, "done", std::move(message), std::move(outputs)};
  }
  static ActionResult failed(std::string reason, std::string message) {
    return {Kind::kFailed, std::move(reason), std::move(message), {}};
  }
  static ActionResult unknown(std::string reason, std::string message) {
    return {Kind::kUnknown, std::move(reason), std::move(message), {}};
  }
  /// A failed call, the first one that would change something: time-outs, lost connections and cancellations leave the
  /// outcome unknown, everything else is a definite no.
  static ActionResult of_error(const Error& error);
  /// The same of a later call: something has been changed by then.
  static ActionResult of_later_error(const Error& error);

  bool operator==(const ActionResult&) const = default;
};

/// What the world says about a step that was begun.
enum class Probed { kHappened, kDidNotHappen, kUnknown };
struct ProbeAnswer {
  Probed probed = Probed::kUnknown;
  std::string message;
  std::map<std::string, std::string, std::less<>> outputs{};  ///< of a step that happened, where they can be known

  bool operator==(const ProbeAnswer&) const = default;
};

/// What a kind of step does. All blocking, none throws.
struct ActionKind {
  std::string_view name;
  /// Looks at what the step is about to change; an Error means that the step cannot be begun. nullptr: nothing to see.
  Result<BeforeState> (*prepare)(const ActionScope& scope, Deadline deadline, std::stop_token stop) = nullptr;
  /// Acts. Ends at `deadline`, with kUnknown when it was under way.
  ActionResult (*run)(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                      std::stop_token stop) = nullptr;
  /// Asks the world whether a begun step happened; may wait until it can know. nullptr: it cannot be known.
  ProbeAnswer (*probe)(const ActionScope& scope, const BeforeState& before, WallTime intended_at,
                       std::stop_token stop) = nullptr;
  /// Puts back what the step `found` (its BeforeState) before it acted; safe to repeat. For kinds whose inverse is
  /// themselves. nullptr: it cannot.
  ActionResult (*restore)(const ActionScope& scope, const BeforeState& found, Deadline deadline,
                          std::stop_token stop) = nullptr;
  /// Whether what the step wants was so before it: then it changes nothing, and there is nothing to undo. nullptr: it
  /// always changes something, or cannot tell.
  bool (*was_so)(const playbook::PlannedStep& step, const BeforeState& found) = nullptr;
  /// The targets that it would change besides the step's own, as `prepare` found them: nobody else may have one of them
  /// in his hands meanwhile. nullptr: none.
  std::vector<TargetId> (*touches)(const ActionScope& scope, const BeforeState& before) = nullptr;
};

/// nullptr when nothing of that name can be done.
const ActionKind* find_action(std::string_view kind);

// One file each.
extern const ActionKind kDockerInspect, kDockerLogs, kDockerStart, kDockerStop, kDockerRestart, kDockerKill;
extern const ActionKind kDockerPause, kDockerUnpause, kDockerExec, kDockerUpdate, kDockerRecreate;
extern const ActionKind kComposeStart, kComposeStop, kComposeRestart, kAnsiblePlaybook, kHaproxyServer;
extern const ActionKind kCommand, kProcessSignal, kSystemdUnit, kHostDropCaches;
extern const ActionKind kHttpRequest, kWaitHttp, kWaitTcp, kWaitPromql;
extern const ActionKind kAlertmanagerSilence, kAlertmanagerAlert, kNotifyEmail, kNotifyWebhook, kAssert;

}  // namespace heal::remedy
