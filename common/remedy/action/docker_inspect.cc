#include <fmt/format.h>

#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

ActionResult inspect(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  auto info = target->engine->inspect(target->container, deadline, std::move(stop));
  if (!info.has_value()) return ActionResult::failed(std::string(to_string(info.error().code())), info.error().str());
  return ActionResult::done(fmt::format("{} is {}", target->shown, info->status), docker_outputs(*info));
}

ProbeAnswer probe_inspect(const ActionScope&, const BeforeState&, WallTime, std::stop_token) {
  return {Probed::kDidNotHappen, "looking changes nothing"};
}

}  // namespace

const ActionKind kDockerInspect{"docker.inspect", nullptr, inspect, probe_inspect};

}  // namespace heal::remedy
