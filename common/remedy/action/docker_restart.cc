#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

bool was_paused(const BeforeState& before) {
  const auto status = before.find("status");
  return status != before.end() && status->second == "paused";
}

/// A paused container cannot take the stop signal, and some engines refuse to stop it at all: it is thawed first.
Status thaw(const DockerTarget& target, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  if (!was_paused(before)) return {};
  auto thawed = target.engine->unpause(target.container, deadline, std::move(stop));
  if (!thawed.has_value() && thawed.error().code() != ErrorCode::kConflict) return thawed;
  return {};
}

ActionResult restart_container(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                               std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  auto thawed = thaw(*target, before, deadline, stop);
  if (!thawed.has_value()) return ActionResult::of_error(std::move(thawed).error().with_context("unpause"));
  auto status =
      target->engine->restart(target->container, scope.step.arguments.duration("grace"), deadline, std::move(stop));
  if (!status.has_value())
    return was_paused(before) ? ActionResult::of_later_error(status.error()) : ActionResult::of_error(status.error());
  return ActionResult::done(fmt::format("{} restarted", target->shown), {{"changed", "true"}});
}

ProbeAnswer probe_restarted(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_docker(scope, before, scope.step.arguments.duration("grace") + kEngineSlack, was_started_since,
                      std::move(stop));
}

}  // namespace

const ActionKind kDockerRestart{"docker.restart", prepare_docker, restart_container, probe_restarted};

}  // namespace heal::remedy
