#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

ActionResult kill_container(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                            std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const std::string& signal = scope.step.arguments.text("signal");
  auto status = target->engine->kill(target->container, signal, deadline, std::move(stop));
  if (!status.has_value()) return ActionResult::of_error(status.error());
  return ActionResult::done(fmt::format("{} got {}", target->shown, signal));
}

/// Only a deadly signal leaves a trace.
ProbeAnswer probe_kill(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  const std::string& signal = scope.step.arguments.text("signal");
  if (signal != "SIGKILL" && signal != "KILL" && signal != "9")
    return {Probed::kUnknown, fmt::format("nothing shows whether {} arrived", signal)};
  return probe_docker(
      scope, before, kEngineSlack,
      [](const BeforeState& then, const ContainerInfo& now) {
        return now.status == "exited" || now.status == "dead" || was_started_since(then, now);
      },
      std::move(stop));
}

}  // namespace

const ActionKind kDockerKill{"docker.kill", prepare_docker, kill_container, probe_kill};

}  // namespace heal::remedy
