#include <algorithm>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

constexpr std::size_t kMostLogBytes = 16 << 10;

ActionResult read_logs(const ActionScope& scope, const BeforeState&, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const auto lines = static_cast<int>(scope.step.arguments.integer("lines"));
  auto tail = target->engine->logs_tail(target->container, lines, kMostLogBytes, deadline, std::move(stop));
  if (!tail.has_value()) return ActionResult::failed(std::string(to_string(tail.error().code())), tail.error().str());
  const auto count = std::count(tail->begin(), tail->end(), '\n');
  return ActionResult::done(fmt::format("{}: {} line(s) of its log", target->shown, count),
                            {{"output", to_valid_utf8(*tail)}, {"lines", fmt::format("{}", count)}});
}

ProbeAnswer probe_logs(const ActionScope&, const BeforeState&, WallTime, std::stop_token) {
  return {Probed::kDidNotHappen, "looking changes nothing"};
}

}  // namespace

const ActionKind kDockerLogs{"docker.logs", nullptr, read_logs, probe_logs};

}  // namespace heal::remedy
