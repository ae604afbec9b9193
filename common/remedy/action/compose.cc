#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

constexpr std::string_view kProject = "com.docker.compose.project";
constexpr std::string_view kService = "com.docker.compose.service";
constexpr std::string_view kDependsOn = "com.docker.compose.depends_on";
constexpr std::string_view kOneOff = "com.docker.compose.oneoff";

std::string service_of(const ContainerInfo& container) {
  return std::string(label_value(container.labels, kService));
}

/// `db:service_healthy:true,cache:service_started:false`.
std::set<std::string> needs_of(const ContainerInfo& container) {
  std::set<std::string> out;
  const std::string text(label_value(container.labels, kDependsOn));
  for (const auto entry : split(text, ',')) {
    const auto name = entry.substr(0, entry.find(':'));
    if (!name.empty()) out.emplace(name);
  }
  return out;
}

/// Services before those that need them; those in a ring, and equals, by name.
std::vector<ContainerInfo> in_order(std::vector<ContainerInfo> left) {
  std::sort(left.begin(), left.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<ContainerInfo> out;
  while (!left.empty()) {
    std::set<std::string> waiting;
    for (const auto& container : left)
      waiting.insert(service_of(container));
    const auto is_ready = [&](const ContainerInfo& container) {
      const auto needs = needs_of(container);
      return std::none_of(needs.begin(), needs.end(), [&](const std::string& need) {
        return waiting.count(need) != 0 && need != service_of(container);
      });
    };
    auto next = std::find_if(left.begin(), left.end(), is_ready);
    if (next == left.end()) next = left.begin();
    out.push_back(std::move(*next));
    left.erase(next);
  }
  return out;
}

/// Not one of them is touched when one of them is not in the inventory.
Status check_inventory(const ActionScope& scope, const std::vector<ContainerInfo>& containers) {
  for (const auto& container : containers) {
    const TargetId id{"container", target_of(scope).engine, container.name};
    HEAL_TRY_STATUS(playbook::inventory_of_container(scope.world.bundle.config, id, container.labels));
  }
  return {};
}

/// The containers of the project, or of one service of it, in the order in which they start.
Result<std::vector<ContainerInfo>> members(const ActionScope& scope, Deadline deadline, const std::stop_token& stop) {
  const auto& arguments = scope.step.arguments;
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  std::string project = arguments.has("project") ? arguments.text("project") : "";
  if (project.empty()) {
    HEAL_TRY(const ContainerInfo own, target.engine->inspect(target.container, deadline, stop));
    project = label_value(own.labels, kProject);
    if (project.empty())
      return make_error(ErrorCode::kInvalid, "{} belongs to no Compose project, and the step names none", target.shown);
  }
  const std::string service = arguments.has("service") ? arguments.text("service") : "";
  HEAL_TRY(auto all, target.engine->list(deadline, stop));
  std::erase_if(all, [&](const ContainerInfo& container) {
    const bool is_other =
        label_value(container.labels, kProject) != project || (!service.empty() && service_of(container) != service);
    return is_other || is_exchange_name(container.name) || to_lower(label_value(container.labels, kOneOff)) == "true";
  });
  if (all.empty())
    return make_error(ErrorCode::kNotFound, "there is no container of Compose project {}{}", project,
                      service.empty() ? "" : ", service " + service);
  HEAL_TRY_STATUS(check_inventory(scope, all));
  return in_order(std::move(all));
}

std::vector<std::string> ids_of(const BeforeState& before) {
  std::vector<std::string> out;
  for (const auto id : split(value_of(before, "order"), ' ')) {
    if (!id.empty()) out.emplace_back(id);
  }
  return out;
}

/// Each container's id → name, status and start, in the intent: all that the step may touch.
Result<BeforeState> prepare_services(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  HEAL_TRY(const auto containers, members(scope, deadline, stop));
  BeforeState before;
  std::string order;
  for (const auto& container : containers) {
    HEAL_TRY(const ContainerInfo info, target.engine->inspect(container.id, deadline, stop));
    before["status " + info.id] = info.status;
    before["started_at " + info.id] = info.started_at ? format_rfc3339_nano(*info.started_at) : "";
    before["name " + info.id] = info.name;
    order += (order.empty() ? "" : " ") + info.id;
  }
  before["order"] = order;
  return before;
}

/// The same; those that were restarted since the first try are marked, and how they were then is what a probe goes by.
Result<BeforeState> prepare_restart(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(BeforeState before, prepare_services(scope, deadline, std::move(stop)));
  if (scope.first_found == nullptr) return before;
  for (const std::string& id : ids_of(before)) {
    const std::string key = "started_at " + id;
    const auto first = scope.first_found->find(key);
    if (first == scope.first_found->end() || first->second == before[key]) continue;
    before[key] = first->second;
    before["restarted " + id] = "true";
  }
  return before;
}

std::vector<TargetId> touches(const ActionScope& scope, const BeforeState& before) {
  std::vector<TargetId> out;
  for (const auto& id : ids_of(before)) {
    TargetId target{"container", target_of(scope).engine, value_of(before, "name " + id)};
    if (target != target_of(scope)) out.push_back(std::move(target));
  }
  return out;
}

/// What is done to one container; true when it changed something.
using Act = Result<bool> (*)(ContainerEngine& engine, const std::string& id, Duration grace, Deadline deadline,
                             const std::stop_token& stop);

Result<bool> start_one(ContainerEngine& engine, const std::string& id, Duration, Deadline deadline,
                       const std::stop_token& stop) {
  HEAL_TRY(const EngineChange change, engine.start(id, deadline, stop));
  return change == EngineChange::kDone;
}

Result<bool> stop_one(ContainerEngine& engine, const std::string& id, Duration grace, Deadline deadline,
                      const std::stop_token& stop) {
  HEAL_TRY(const EngineChange change, engine.stop(id, grace, deadline, stop));
  return change == EngineChange::kDone;
}

Result<bool> restart_one(ContainerEngine& engine, const std::string& id, Duration grace, Deadline deadline,
                         const std::stop_token& stop) {
  HEAL_TRY_STATUS(engine.restart(id, grace, deadline, stop));
  return true;
}

/// A first failure is what is told.
void end_early(ActionResult& result, std::string message) {
  result.notes.push_back(message);
  if (result.kind != ActionResult::Kind::kDone) return;
  result.kind = ActionResult::Kind::kFailed;
  result.reason = "timeout";
  result.message = std::move(message) + "; ";
}

/// One after another. What fails does not keep the others from being done; what is unknown does. None is begun that
/// might take longer to stop than there is time: what became of it would be unknown.
ActionResult each(const ActionScope& scope, const BeforeState& before, const std::vector<std::string>& ids, Act act,
                  const char* word, Deadline deadline, const std::stop_token& stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const Duration grace = scope.step.arguments.duration("grace");
  std::size_t changed = 0;
  ActionResult result = ActionResult::done("");
  std::string names;
  for (const std::string& id : ids) {
    const std::string& name = value_of(before, "name " + id);
    if (act != start_one && scope.tools.clock.steady_now() + grace >= deadline) {
      end_early(result,
                fmt::format("{}: not begun, its grace of {} is longer than what is left of the step's timeout of {}",
                            name, format_duration(grace), format_duration(scope.step.timeout)));
      break;
    }
    const auto done = act(*target->engine, id, grace, deadline, stop);
    names += (names.empty() ? "" : " ") + name;
    if (done.has_value()) {
      changed += *done ? 1 : 0;
      result.notes.push_back(fmt::format("{}: {}{}", name, *done ? "" : "was already ", word));
      continue;
    }
    ActionResult failed = ActionResult::of_error(done.error());
    result.notes.push_back(fmt::format("{}: {}", name, failed.message));
    result.was_refused = failed.was_refused && (result.was_refused || result.kind == ActionResult::Kind::kDone);
    if (result.kind == ActionResult::Kind::kDone) {
      result.kind = failed.kind;
      result.reason = failed.reason;
      result.message = fmt::format("{}: {}; ", name, failed.message);
    }
    if (failed.kind != ActionResult::Kind::kUnknown) continue;
    result.kind = failed.kind;
    break;
  }
  result.was_refused = result.was_refused && changed == 0;
  result.message += fmt::format("{} of {} containers {}", changed, ids.size(), word);
  result.outputs = {{"changed", changed > 0 ? "true" : "false"}, {"containers", names}};
  return result;
}

ActionResult start(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  return each(scope, before, ids_of(before), start_one, "started", deadline, stop);
}

ActionResult stop_all(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto ids = ids_of(before);
  std::reverse(ids.begin(), ids.end());
  return each(scope, before, ids, stop_one, "stopped", deadline, stop);
}

/// Not those that were restarted since the first try: they serve again.
ActionResult restart(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto ids = ids_of(before);
  const std::size_t all = ids.size();
  std::erase_if(ids, [&](const std::string& id) { return !value_of(before, "restarted " + id).empty(); });
  ActionResult result = each(scope, before, ids, restart_one, "restarted", deadline, stop);
  if (ids.size() == all) return result;
  result.message += fmt::format(", {} had been since the first try", all - ids.size());
  result.outputs["changed"] = "true";
  return result;
}

/// Puts back the containers that were in `status` before.
ActionResult put_back(const ActionScope& scope, const BeforeState& found, bool was_running, Deadline deadline,
                      const std::stop_token& stop) {
  std::vector<std::string> ids;
  for (const std::string& id : ids_of(found)) {
    if ((value_of(found, "status " + id) == "running") == was_running) ids.push_back(id);
  }
  if (!was_running) std::reverse(ids.begin(), ids.end());
  return was_running ? each(scope, found, ids, start_one, "started", deadline, stop)
                     : each(scope, found, ids, stop_one, "stopped", deadline, stop);
}

ActionResult undo_start(const ActionScope& scope, const BeforeState& found, Deadline deadline, std::stop_token stop) {
  return put_back(scope, found, false, deadline, stop);
}

ActionResult undo_stop(const ActionScope& scope, const BeforeState& found, Deadline deadline, std::stop_token stop) {
  return put_back(scope, found, true, deadline, stop);
}

/// True when the step has had its effect on this one.
using Happened = bool (*)(const BeforeState& before, const ContainerInfo& now);

/// All or none: half of them is neither.
ProbeAnswer probe_all(const ActionScope& scope, const BeforeState& before, Happened happened,
                      const std::stop_token& stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return {Probed::kUnknown, target.error().str()};
  const auto ids = ids_of(before);
  // As with probe_docker().
  const Duration patience = scope.step.arguments.duration("grace") + kEngineSlack;
  const SteadyTime until = scope.asked_since.value_or(scope.tools.clock.steady_now()) + patience;
  for (;;) {
    std::size_t done = 0;
    for (const std::string& id : ids) {
      auto info = target->engine->inspect(id, scope.tools.clock.deadline_in(kEngineLook), stop);
      if (!info.has_value()) return {Probed::kUnknown, info.error().str()};
      done += happened(before, *info) ? 1 : 0;
    }
    const std::string message = fmt::format("{} of {} containers are as they should be", done, ids.size());
    if (done == ids.size()) return {Probed::kHappened, message};
    if (scope.tools.clock.steady_now() >= until) return {done == 0 ? Probed::kDidNotHappen : Probed::kUnknown, message};
    if (scope.tools.clock.sleep_for(500ms, stop) == Clock::Wake::kStopped)
      return {Probed::kUnknown, "stopped while looking"};
  }
}

ProbeAnswer probe_start(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_all(
      scope, before, [](const BeforeState&, const ContainerInfo& now) { return now.running(); }, stop);
}

ProbeAnswer probe_stop(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_all(
      scope, before,
      [](const BeforeState&, const ContainerInfo& now) { return now.status == "exited" || now.status == "dead"; },
      stop);
}

ProbeAnswer probe_restart(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  return probe_all(
      scope, before,
      [](const BeforeState& then, const ContainerInfo& now) {
        const std::string started = now.started_at ? format_rfc3339_nano(*now.started_at) : "";
        return started != value_of(then, "started_at " + now.id);
      },
      stop);
}

bool were_all_running(const playbook::PlannedStep&, const BeforeState& found) {
  const auto ids = ids_of(found);
  return std::all_of(ids.begin(), ids.end(),
                     [&](const auto& id) { return value_of(found, "status " + id) == "running"; });
}

bool were_all_at_rest(const playbook::PlannedStep&, const BeforeState& found) {
  const auto ids = ids_of(found);
  return std::all_of(ids.begin(), ids.end(),
                     [&](const auto& id) { return is_at_rest(value_of(found, "status " + id)); });
}

}  // namespace

const ActionKind kComposeStart{"compose.start", prepare_services, start,  probe_start,
                               undo_start,      were_all_running, touches};
const ActionKind kComposeStop{"compose.stop", prepare_services, stop_all, probe_stop,
                              undo_stop,      were_all_at_rest, touches};
const ActionKind kComposeRestart{"compose.restart", prepare_restart, restart, probe_restart, nullptr, nullptr, touches};

}  // namespace heal::remedy
