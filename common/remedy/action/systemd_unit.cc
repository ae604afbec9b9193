#include <map>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

constexpr const char* kProgram = "/usr/bin/systemctl";
constexpr Duration kSystemctlLook = 10s;

std::string unit_of(const ActionScope& scope) {
  return scope.step.target.value_or(scope.plan.target).name;
}

Result<ProcessOutcome> systemctl(const ActionScope& scope, std::vector<std::string> arguments, Deadline deadline,
                                 std::stop_token stop) {
  ProcessSpec spec;
  spec.argv = {kProgram, "--no-ask-password", "--no-pager"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.argv.insert(spec.argv.end(), {"--", unit_of(scope)});
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}};
  return scope.tools.processes.run(spec, deadline, std::move(stop));
}

/// systemctl's own words, when there is nothing that it could talk to.
Error error_of(const ProcessOutcome& outcome) {
  const std::string words = printable(trim(outcome.errors), 200);
  const bool has_none = words.find("not been booted with systemd") != std::string::npos ||
                        words.find("Failed to connect to bus") != std::string::npos;
  if (has_none) return make_error(ErrorCode::kUnreachable, "there is no systemd in reach: {}", words);
  return make_error(ErrorCode::kUnavailable, "systemctl ended with exit code {}: {}", outcome.exit_code, words);
}

Result<BeforeState> look_at_unit(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto outcome,
           systemctl(scope, {"show", "--property=LoadState,ActiveState,SubState,Result,InvocationID,Type"}, deadline,
                     std::move(stop)));
  if (!outcome.ok()) return error_of(outcome);
  BeforeState state;
  for (const auto line : split(outcome.output, '\n')) {
    const auto equals = line.find('=');
    if (equals != std::string_view::npos) state[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  if (value_of(state, "ActiveState").empty())
    return make_error(ErrorCode::kProtocol, "systemctl does not say how the unit is");
  if (value_of(state, "LoadState") == "not-found")
    return make_error(ErrorCode::kNotFound, "systemd knows no unit {}", unit_of(scope));
  return state;
}

bool is_active(const BeforeState& state) {
  const std::string& active = value_of(state, "ActiveState");
  return active == "active" || active == "reloading";
}

bool is_off(const BeforeState& state) {
  const std::string& active = value_of(state, "ActiveState");
  return active == "inactive" || active == "failed";
}

/// One that does its work and ends: having been started shows in nothing but its invocation, and systemd forgets that
/// of a unit which nobody needs.
bool is_over(const BeforeState& state) {
  return value_of(state, "Type") == "oneshot" && is_off(state);
}

bool has_run(const BeforeState& before, const BeforeState& now) {
  const std::string& invocation = value_of(now, "InvocationID");
  return !invocation.empty() && invocation != value_of(before, "InvocationID") && value_of(now, "Result") == "success";
}

bool holds(const std::string& action, const BeforeState& before, const BeforeState& now) {
  if ((action == "start" || action == "restart") && is_over(now)) return has_run(before, now);
  if (action == "start") return is_active(now);
  if (action == "stop") return is_off(now);
  if (action == "reset-failed") return value_of(now, "ActiveState") != "failed";
  return is_active(now) && value_of(now, "InvocationID") != value_of(before, "InvocationID");
}

std::string describe(const ActionScope& scope, const BeforeState& state) {
  return fmt::format("unit {} is {} ({})", unit_of(scope), value_of(state, "ActiveState"), value_of(state, "SubState"));
}

/// After systemctl has waited for the job, and it went well.
ActionResult of_state(const ActionScope& scope, const std::string& action, const BeforeState& before,
                      const BeforeState& now) {
  const bool is_same = value_of(before, "ActiveState") == value_of(now, "ActiveState") &&
                       value_of(before, "InvocationID") == value_of(now, "InvocationID");
  const bool starts = action == "start" || action == "restart";
  const bool ran = starts && is_over(now) && value_of(now, "ActiveState") != "failed";
  ActionResult result = ran || holds(action, before, now) ? ActionResult::done(describe(scope, now))
                                                          : ActionResult::failed("not_taken", describe(scope, now));
  result.outputs = {{"changed", is_same && !ran ? "false" : "true"},
                    {"active", value_of(now, "ActiveState")},
                    {"sub", value_of(now, "SubState")},
                    {"result", value_of(now, "Result")}};
  return result;
}

ActionResult act(const ActionScope& scope, const std::string& action, const BeforeState& before, Deadline deadline,
                 std::stop_token stop) {
  auto outcome = systemctl(scope, {action}, deadline, stop);
  // Nothing ran: that much is known.
  if (!outcome.has_value())
    return ActionResult::failed(std::string(to_string(outcome.error().code())), outcome.error().str());
  if (outcome->end != ProcessOutcome::End::kExited)
    return ActionResult::unknown(outcome->end == ProcessOutcome::End::kStopped ? "cancelled" : "timeout",
                                 fmt::format("systemctl {} was not waited for; systemd goes on with its job", action));
  if (!outcome->ok()) return ActionResult::failed("exit_code", error_of(*outcome).str());
  const auto now = look_at_unit(scope, deadline, std::move(stop));
  if (!now.has_value()) return ActionResult::unknown(std::string(to_string(now.error().code())), now.error().str());
  return of_state(scope, action, before, *now);
}

ActionResult run_systemctl(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                           std::stop_token stop) {
  return act(scope, scope.step.arguments.text("action"), before, deadline, std::move(stop));
}

ProbeAnswer probe_unit(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  const auto now = look_at_unit(scope, scope.tools.clock.deadline_in(kSystemctlLook), std::move(stop));
  if (!now.has_value()) return {Probed::kUnknown, now.error().str()};
  if (holds(scope.step.arguments.text("action"), before, *now)) return {Probed::kHappened, describe(scope, *now)};
  const std::string& active = value_of(*now, "ActiveState");
  const bool is_moving = active == "activating" || active == "deactivating";
  const bool starts =
      scope.step.arguments.text("action") == "start" || scope.step.arguments.text("action") == "restart";
  const std::string& invocation = value_of(*now, "InvocationID");
  const bool is_same_run = !invocation.empty() && invocation == value_of(before, "InvocationID");
  const bool may_have_run = starts && is_over(*now) && !is_same_run;
  return {is_moving || may_have_run ? Probed::kUnknown : Probed::kDidNotHappen, describe(scope, *now)};
}

ActionResult restore_unit(const ActionScope& scope, const BeforeState& found, Deadline deadline, std::stop_token stop) {
  if (!is_active(found) && !is_off(found))
    return ActionResult::failed("conflict", "the unit was between two states before the step");
  return act(scope, is_active(found) ? "start" : "stop", found, deadline, std::move(stop));
}

bool was_unit_so(const playbook::PlannedStep& step, const BeforeState& found) {
  const std::string& action = step.arguments.text("action");
  return (action == "start" && is_active(found)) || (action == "stop" && is_off(found));
}

}  // namespace

const ActionKind kSystemdUnit{"systemd.unit", look_at_unit, run_systemctl, probe_unit, restore_unit, was_unit_so};

}  // namespace heal::remedy
