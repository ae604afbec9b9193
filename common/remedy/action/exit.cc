#include "common/remedy/action/exit.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::remedy {
namespace {

bool is_good_exit(const playbook::PlannedStep& step, std::int64_t exit_code) {
  if (!step.arguments.has("exit_codes")) return exit_code == 0;
  const auto& good = step.arguments.integers("exit_codes");
  return good.empty() ? exit_code == 0 : std::find(good.begin(), good.end(), exit_code) != good.end();
}

}  // namespace

ActionResult of_exit(const playbook::PlannedStep& step, const std::string& program, std::int64_t exit_code,
                     const std::string& output, const std::string& errors) {
  ActionResult result;
  result.outputs = {{"exit_code", fmt::format("{}", exit_code)},
                    {"output", to_valid_utf8(output)},
                    {"errors", to_valid_utf8(errors)}};
  result.message = fmt::format("{} ended with exit code {}", program, exit_code);
  const bool is_good = is_good_exit(step, exit_code);
  result.kind = is_good ? ActionResult::Kind::kDone : ActionResult::Kind::kFailed;
  result.reason = is_good ? "done" : "exit_code";
  if (!is_good && !errors.empty()) result.message += ": " + printable(errors, 200);
  return result;
}

ActionResult with_left_over(ActionResult result, const ProcessOutcome& outcome) {
  if (outcome.left_over == 0) return result;
  result.message += fmt::format("; it left {} running, ended now",
                                outcome.left_over == 1 ? "a process" : fmt::format("{} processes", outcome.left_over));
  return result;
}

}  // namespace heal::remedy
