#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"
#include "common/remedy/action/exit.h"

namespace heal::remedy {
namespace {

ExecSpec spec_of(const playbook::Arguments& arguments) {
  ExecSpec spec;
  spec.argv = arguments.texts("argv");
  if (arguments.has("env")) spec.environment = arguments.text_map("env");
  if (arguments.has("user")) spec.user = arguments.text("user");
  if (arguments.has("working_directory")) spec.working_directory = arguments.text("working_directory");
  return spec;
}

ActionResult exec_in_container(const ActionScope& scope, const BeforeState& before, Deadline deadline,
                               std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const ExecSpec spec = spec_of(scope.step.arguments);
  const auto& allowed = scope.world.bundle.config.allow.exec;
  if (spec.argv.empty() || std::find(allowed.begin(), allowed.end(), spec.argv.front()) == allowed.end())
    return ActionResult::failed("refused", "the program is not under allow.exec in heal.yml");
  auto outcome = target->engine->exec(target->container, spec, deadline, std::move(stop));
  if (!outcome.has_value()) return ActionResult::of_error(outcome.error());
  const std::string program = fmt::format("{} in {}", printable(spec.argv.front()), target->shown);
  return of_exit(scope.step, program, outcome->exit_code, outcome->output, outcome->errors);
}

}  // namespace

// Nothing tells afterwards whether it ran: an engine forgets programs that have ended.
const ActionKind kDockerExec{"docker.exec", prepare_docker, exec_in_container, nullptr};

}  // namespace heal::remedy
