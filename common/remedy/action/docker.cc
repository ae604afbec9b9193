#include "common/remedy/action/docker.h"

#include <utility>

#include <fmt/format.h>

namespace heal::remedy {
namespace {

constexpr Duration kLookTimeout = 5s;
constexpr Duration kLookInterval = 500ms;

std::string text_of(const std::optional<WallTime>& time) {
  return time ? format_rfc3339_nano(*time) : "";
}

const std::string& value_of(const BeforeState& before, std::string_view name) {
  static const std::string kNone;
  auto it = before.find(name);
  return it == before.end() ? kNone : it->second;
}

}  // namespace

Result<DockerTarget> docker_target(const ActionScope& scope) {
  const TargetId& target = scope.step.target.value_or(scope.plan.target);
  if (target.kind != "container") return make_error(ErrorCode::kInvalid, "{} is not a container", target.str());
  DockerTarget out;
  out.engine = scope.world.engine(target.engine);
  out.shown = target.str();
  if (out.engine == nullptr)
    return make_error(ErrorCode::kNotFound, "{}: no engine of that name is configured", target.str());
  const bool is_own = target == scope.plan.target && !scope.container_id.empty();
  out.container = is_own ? scope.container_id : target.name;
  return out;
}

Result<BeforeState> prepare_docker(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  HEAL_TRY(const ContainerInfo info, target.engine->inspect(target.container, deadline, std::move(stop)));
  return BeforeState{{"id", info.id},
                     {"status", info.status},
                     {"started_at", text_of(info.started_at)},
                     {"finished_at", text_of(info.finished_at)},
                     {"pid", fmt::format("{}", info.pid)}};
}

std::map<std::string, std::string, std::less<>> docker_outputs(const ContainerInfo& info) {
  return {{"id", info.id},
          {"status", info.status},
          {"health", info.health},
          {"exit_code", fmt::format("{}", info.exit_code)},
          {"oom_killed", info.oom_killed ? "true" : "false"},
          {"restart_count", fmt::format("{}", info.restart_count)},
          {"running", info.running() ? "true" : "false"},
          {"pid", fmt::format("{}", info.pid)},
          {"image", info.image},
          {"error", info.error},
          {"started_at", text_of(info.started_at)},
          {"finished_at", text_of(info.finished_at)}};
}

bool was_started_since(const BeforeState& before, const ContainerInfo& now) {
  return now.running() && text_of(now.started_at) != value_of(before, "started_at");
}

ProbeAnswer probe_docker(const ActionScope& scope, const BeforeState& before, WallTime intended_at, Duration patience,
                         bool (*happened)(const BeforeState&, const ContainerInfo&), std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return {Probed::kUnknown, target.error().str()};
  const std::string& id = value_of(before, "id");
  if (id.empty()) return {Probed::kUnknown, "the intent does not say which container it was about"};
  const Duration elapsed = std::max(Duration{}, scope.tools.clock.now() - intended_at);
  const Deadline until = scope.tools.clock.steady_now() + std::max(Duration{}, patience - elapsed);
  for (;;) {
    auto info = target->engine->inspect(id, scope.tools.clock.deadline_in(kLookTimeout), stop);
    if (!info.has_value()) return {Probed::kUnknown, fmt::format("{}: {}", target->shown, info.error().str())};
    if (happened(before, *info)) {
      return {Probed::kHappened,
              fmt::format("{} is {}, started at {}", target->shown, info->status, text_of(info->started_at))};
    }
    if (scope.tools.clock.steady_now() >= until) {
      return {Probed::kDidNotHappen, fmt::format("{} is {}, still as it was {} after the intent", target->shown,
                                                 info->status, format_duration_short(std::max(patience, elapsed)))};
    }
    if (scope.tools.clock.sleep_for(kLookInterval, stop) == Clock::Wake::kStopped)
      return {Probed::kUnknown, "stopped while looking"};
  }
}

}  // namespace heal::remedy
