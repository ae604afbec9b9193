#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/action.h"

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

bool is_good_exit(const playbook::PlannedStep& step, int exit_code) {
  if (!step.arguments.has("exit_codes")) return exit_code == 0;
  const auto& good = step.arguments.integers("exit_codes");
  return good.empty() ? exit_code == 0 : std::find(good.begin(), good.end(), exit_code) != good.end();
}

ActionResult ended(const playbook::PlannedStep& step, const std::string& program, const ProcessOutcome& outcome) {
  ActionResult result;
  result.outputs = {{"exit_code", fmt::format("{}", outcome.exit_code)},
                    {"output", to_valid_utf8(outcome.output)},
                    {"errors", to_valid_utf8(outcome.errors)}};
  result.message = fmt::format("{} ended with exit code {}", program, outcome.exit_code);
  const bool is_good = is_good_exit(step, outcome.exit_code);
  result.kind = is_good ? ActionResult::Kind::kDone : ActionResult::Kind::kFailed;
  result.reason = is_good ? "done" : "exit_code";
  if (!is_good && !outcome.errors.empty()) result.message += ": " + printable(outcome.errors, 200);
  return result;
}

ActionResult run(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
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
      return ended(scope.step, program, *outcome);
    case ProcessOutcome::End::kSignalled:
      return ActionResult::failed("signal", fmt::format("{} was ended by signal {}", program, outcome->signal));
    case ProcessOutcome::End::kTimedOut:
      return {ActionResult::Kind::kUnknown,
              "timeout",
              fmt::format("{} did not end within {} and was killed", program, format_duration(scope.step.timeout)),
              {}};
    case ProcessOutcome::End::kStopped:
      return {ActionResult::Kind::kUnknown, "cancelled", fmt::format("{} was stopped half-way", program), {}};
  }
  return {};
}

}  // namespace

const ActionKind kCommand{"command", nullptr, run, nullptr};

}  // namespace heal::remedy
