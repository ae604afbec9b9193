#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

ActionResult done(const DockerTarget& target, bool was_so, const char* word) {
  return ActionResult::done(fmt::format("{} {}{}", target.shown, was_so ? "was " : "", word),
                            {{"changed", was_so ? "false" : "true"}});
}

ActionResult pause(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  if (value_of(before, "status") == "paused") return done(*target, true, "paused already");
  auto status = target->engine->pause(target->container, deadline, std::move(stop));
  if (!status.has_value()) return ActionResult::of_error(status.error());
  return done(*target, false, "paused");
}

ActionResult unpause(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  if (value_of(before, "status") == "running") return done(*target, true, "running already");
  auto status = target->engine->unpause(target->container, deadline, std::move(stop));
  if (!status.has_value()) return ActionResult::of_error(status.error());
  return done(*target, false, "unpaused");
}

ProbeAnswer probe_pause(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_docker(
      scope, before, kEngineSlack, [](const BeforeState&, const ContainerInfo& now) { return now.status == "paused"; },
      std::move(stop));
}

ProbeAnswer probe_unpause(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_docker(
      scope, before, kEngineSlack, [](const BeforeState&, const ContainerInfo& now) { return now.running(); },
      std::move(stop));
}

bool was_paused(const playbook::PlannedStep&, const BeforeState& found) {
  return value_of(found, "status") == "paused";
}

bool was_running(const playbook::PlannedStep&, const BeforeState& found) {
  return value_of(found, "status") == "running";
}

}  // namespace

const ActionKind kDockerPause{"docker.pause", prepare_docker, pause, probe_pause, nullptr, was_paused};
const ActionKind kDockerUnpause{"docker.unpause", prepare_docker, unpause, probe_unpause, nullptr, was_running};

}  // namespace heal::remedy
