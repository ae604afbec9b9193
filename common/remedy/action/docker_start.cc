#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

ActionResult start_container(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                             std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const auto status = before.find("status");
  if (status != before.end() && status->second == "paused") {
    return ActionResult::failed(
        "paused", fmt::format("{} is paused: starting it changes nothing (docker.restart does)", target->shown));
  }
  auto change = target->engine->start(target->container, deadline, std::move(stop));
  if (!change.has_value()) return ActionResult::of_error(change.error());
  const bool was_running = *change == EngineChange::kAlready;
  return ActionResult::done(fmt::format("{} {}", target->shown, was_running ? "was running already" : "started"),
                            {{"changed", was_running ? "false" : "true"}});
}

ProbeAnswer probe_started(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_docker(
      scope, before, kEngineSlack, [](const BeforeState&, const ContainerInfo& now) { return now.running(); },
      std::move(stop));
}

bool was_started(const playbook::PlannedStep&, const BeforeState& found) {
  return value_of(found, "status") == "running";
}

}  // namespace

const ActionKind kDockerStart{"docker.start", prepare_docker, start_container, probe_started, nullptr, was_started};

}  // namespace heal::remedy
