#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/playbook/plan.h"
#include "common/remedy/check.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// What verification looks at.
struct VerifyOrder {
  const playbook::Plan& plan;
  const World& world;
  std::function<std::vector<Episode>()> episodes;  ///< of the incident, as they are now; absent: none
  std::optional<WallTime> stepped_at;              ///< when the last step ended: older samples prove nothing
  bool has_started_target = false;                 ///< the steps did, see leaves_started(): it must not be dead
};

/// One look at all checks.
struct VerifyRound {
  Answer answer = Answer::kUnknown;
  std::string message;  ///< of the check that decided
  std::vector<std::pair<std::string, CheckResult>> checks;
  bool has_died = false;  ///< the last one: the target that the steps have started is gone or has ended with an error
};

/// Whether the target, a container, runs by what the plan's steps do: they start it without a condition, and none that
/// follows may be meant to end it.
bool leaves_started(const playbook::Plan& plan);

/// Whether its process has ended with an exit code other than 0; that of a stop by a signal (137, 143) is one.
bool has_ended_badly(const ContainerInfo& info);

/// The plan's verification; a plan without one is checked by its container running, and without a container by nothing.
std::optional<playbook::Verification> verification_of(const playbook::Plan& plan);

/// A round of the plan's own verification. `all`: fails when a check fails, else unknown when one is; `any`: passes
/// when one passes. The target that the steps have started must besides not be gone, nor have ended with an exit code
/// other than 0, unless a check asks for its state: the others may look elsewhere.
VerifyRound verify_plan_once(const playbook::Verification& verification, const VerifyOrder& order, const Tools& tools,
                             const std::stop_token& stop);

/// Three-valued: kPass after `consecutive` good rounds within the window; kFail when the window ended on a bad one,
/// kUnknown when it ended on one that could not be answered, or when there is nothing to verify by. nullopt: stopped.
/// `on_change` is called for each round whose answer differs from the one before. Runs on a worker.
std::optional<VerifyRound> verify(const VerifyOrder& order, const Tools& tools,
                                  const std::function<void(const VerifyRound&)>& on_change, std::stop_token stop);

/// The same by any list of checks.
std::optional<VerifyRound> verify_by(const playbook::Verification& verification, const VerifyOrder& order,
                                     const Tools& tools, const std::function<void(const VerifyRound&)>& on_change,
                                     std::stop_token stop);

/// The same question while `stay_healthy` passes: kFail only after `consecutive` bad rounds in a row.
std::optional<VerifyRound> still_healthy(const VerifyOrder& order, const Tools& tools, std::stop_token stop);

}  // namespace heal::remedy
