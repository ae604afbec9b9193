#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/exit.h"

namespace heal::remedy {
namespace {

ProcessSpec spec_of(const playbook::PlannedStep& step) {
  ProcessSpec spec;
  spec.argv = step.arguments.texts("argv");
  spec.working_directory = step.arguments.text("working_directory");
  spec.environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (step.arguments.has("env")) {
    for (const auto& [name, value] : step.arguments.text_map("env"))
      spec.environment[name] = value;
  }
  return spec;
}

ActionResult run_command(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  const ProcessSpec spec = spec_of(scope.step);
  const auto& allowed = scope.world.bundle.config.allow.commands;
  if (spec.argv.empty() || std::find(allowed.begin(), allowed.end(), spec.argv.front()) == allowed.end())
    return ActionResult::failed("refused", "the program is not allow-listed in heal.yml");
  const std::string program = printable(spec.argv.front());
  auto outcome = scope.tools.processes.run(spec, deadline, std::move(stop));
  // Nothing ran: that much is known.
  if (!outcome.has_value())
    return ActionResult::failed(std::string(to_string(outcome.error().code())), outcome.error().str());
  switch (outcome->end) {
    case ProcessOutcome::End::kExited:
      return with_left_over(of_exit(scope.step, program, outcome->exit_code, outcome->output, outcome->errors),
                            *outcome);
    case ProcessOutcome::End::kSignalled:
      return ActionResult::unknown("signal", fmt::format("{} was ended by signal {}", program, outcome->signal));
    case ProcessOutcome::End::kTimedOut:
      return ActionResult::unknown("timeout", fmt::format("{} did not end within {} and was killed", program,
                                                          format_duration(scope.step.timeout)));
    case ProcessOutcome::End::kStopped:
      return ActionResult::unknown("cancelled", fmt::format("{} was stopped half-way", program));
  }
  return {};
}

}  // namespace

const ActionKind kCommand{"command", nullptr, run_command, nullptr};

}  // namespace heal::remedy
