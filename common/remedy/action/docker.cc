#include "common/remedy/action/docker.h"

#include <utility>

#include <fmt/format.h>

namespace heal::remedy {
namespace {

constexpr Duration kLookInterval = 500ms;

std::string text_of(const std::optional<WallTime>& time) {
  return time ? format_rfc3339_nano(*time) : "";
}

/// The id of what came in place of container `id` by the steps so far.
std::string successor_of(const playbook::Scope& values, const std::string& id) {
  constexpr std::string_view kReplaced = ".replaced";
  for (const auto& [path, value] : values) {
    if (value != id || !path.starts_with("steps.") || !path.ends_with(kReplaced)) continue;
    const auto successor = values.find(path.substr(0, path.size() - kReplaced.size()) + ".id");
    if (successor != values.end()) return successor_of(values, successor->second);
  }
  return id;
}

}  // namespace

const TargetId& target_of(const ActionScope& scope) {
  return scope.step.target ? *scope.step.target : scope.plan.target;
}

const std::string& value_of(const BeforeState& before, std::string_view name) {
  static const std::string kNone;
  auto it = before.find(name);
  return it == before.end() ? kNone : it->second;
}

Result<DockerTarget> docker_target(const ActionScope& scope) {
  const TargetId& target = scope.step.target.value_or(scope.plan.target);
  if (target.kind != "container") return make_error(ErrorCode::kInvalid, "{} is not a container", target.str());
  DockerTarget out;
  out.engine = scope.world.engine(target.engine);
  out.shown = target.str();
  if (out.engine == nullptr)
    return make_error(ErrorCode::kNotFound, "{}: no engine of that name is configured", target.str());
  const bool is_own = target == scope.plan.target && !scope.container_id.empty();
  const std::string& id = is_own ? scope.container_id : scope.undone_container_id;
  out.container = id.empty() ? target.name : successor_of(scope.values, id);
  return out;
}

Result<DockerTarget> docker_target(const ActionScope& scope, const BeforeState& before) {
  HEAL_TRY(DockerTarget out, docker_target(scope));
  if (const std::string& id = value_of(before, "id"); !id.empty()) out.container = id;
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

bool is_at_rest(std::string_view status) {
  return status == "exited" || status == "dead" || status == "created";
}

bool was_started_since(const BeforeState& before, const ContainerInfo& now) {
  // Also when it has died again since: doing it twice would not help.
  return text_of(now.started_at) != value_of(before, "started_at");
}

ProbeAnswer probe_docker(const ActionScope& scope, const BeforeState& before, Duration patience,
                         bool (*happened)(const BeforeState&, const ContainerInfo&), std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return {Probed::kUnknown, target.error().str()};
  const std::string& id = value_of(before, "id");
  if (id.empty()) return {Probed::kUnknown, "the intent does not say which container it was about"};
  const SteadyTime since = scope.asked_since.value_or(scope.tools.clock.steady_now());
  for (;;) {
    auto info = target->engine->inspect(id, scope.tools.clock.deadline_in(kEngineLook), stop);
    if (!info.has_value()) return {Probed::kUnknown, fmt::format("{}: {}", target->shown, info.error().str())};
    if (happened(before, *info)) {
      return {Probed::kHappened,
              fmt::format("{} is {}, started at {}", target->shown, info->status, text_of(info->started_at))};
    }
    const Duration waited = scope.tools.clock.steady_now() - since;
    if (waited >= patience) {
      return {Probed::kDidNotHappen, fmt::format("{} is {}, still as it was, {} after it was first asked",
                                                 target->shown, info->status, format_duration_short(waited))};
    }
    if (scope.tools.clock.sleep_for(kLookInterval, stop) == Clock::Wake::kStopped)
      return {Probed::kUnknown, "stopped while looking"};
  }
}

}  // namespace heal::remedy
