#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

ActionResult stop_container(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                            std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  auto change =
      target->engine->stop(target->container, scope.step.arguments.duration("grace"), deadline, std::move(stop));
  if (!change.has_value()) return ActionResult::of_error(change.error());
  const bool was_stopped = *change == EngineChange::kAlready;
  return ActionResult::done(fmt::format("{} {}", target->shown, was_stopped ? "was not running" : "stopped"),
                            {{"changed", was_stopped ? "false" : "true"}});
}

ProbeAnswer probe_stopped(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_docker(
      scope, before, scope.step.arguments.duration("grace") + kEngineSlack,
      [](const BeforeState&, const ContainerInfo& now) { return now.status == "exited" || now.status == "dead"; },
      std::move(stop));
}

bool was_stopped(const playbook::PlannedStep&, const BeforeState& found) {
  return is_at_rest(value_of(found, "status"));
}

}  // namespace

const ActionKind kDockerStop{"docker.stop", prepare_docker, stop_container, probe_stopped, nullptr, was_stopped};

}  // namespace heal::remedy
