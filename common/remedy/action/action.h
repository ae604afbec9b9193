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

/// What a step acts with.
struct ActionScope {
  const World& world;
  const Tools& tools;
  const playbook::Plan& plan;
  const playbook::PlannedStep& step;
  playbook::Scope values;              ///< what conditions see: the plan's scope and the outputs of the steps so far
  std::string container_id;            ///< of the incident's container, by which it is acted on; "" for other targets
  std::optional<WallTime> newer_than;  ///< PromQL samples at or before this do not count
};

/// What a step knew before it acted; journaled with the intent, so that a probe can compare after a crash.
using BeforeState = std::map<std::string, std::string, std::less<>>;

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

  static ActionResult done(std::string message, std::map<std::string, std::string, std::less<>> outputs = {}) {
    return {Kind::kDone, "done", std::move(message), std::move(outputs)};
  }
  static ActionResult failed(std::string reason, std::string message) {
    return {Kind::kFailed, std::move(reason), std::move(message), {}};
  }
  /// A failed call: time-outs, lost connections and cancellations leave the outcome unknown, everything else is a
  /// definite no.
  static ActionResult of_error(const Error& error);

  bool operator==(const ActionResult&) const = default;
};

/// What the world says about a step that was begun.
enum class Probed { kHappened, kDidNotHappen, kUnknown };
struct ProbeAnswer {
  Probed probed = Probed::kUnknown;
  std::string message;

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
};

/// nullptr when nothing of that name can be done.
const ActionKind* find_action(std::string_view kind);
/// The names of all, in order.
std::vector<std::string> action_names();

// One file each.
extern const ActionKind kDockerInspect, kDockerStart, kDockerStop, kDockerRestart, kDockerKill;
extern const ActionKind kCommand, kHttpRequest, kWaitHttp, kWaitTcp, kWaitPromql, kAssert;

}  // namespace heal::remedy
