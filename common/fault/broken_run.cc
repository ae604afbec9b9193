#include "common/fault/broken_run.h"

#include <utility>

namespace heal::fault {
namespace {

/// A paused or restarting container has a process, or gets one without us.
bool is_alive(const ContainerInfo& info) {
  return info.status == "running" || info.status == "paused" || info.status == "restarting";
}

}  // namespace

Result<BrokenRun> look_at(const Recipe& recipe, const Site& site) {
  auto info = site.engine.inspect(recipe.container, site.deadline, site.stop);
  if (!info) {
    if (info.error().code() == ErrorCode::kNotFound) return BrokenRun{};
    return std::move(info).error();
  }
  const bool same_run = info->started_at == recipe.started_at;
  return BrokenRun{std::move(*info), same_run};
}

Status check_running(const ContainerInfo& before) {
  if (before.running()) return {};
  return make_error(ErrorCode::kConflict, "container {} is {}, not running", before.name, before.status);
}

Status check_own_network(const ContainerInfo& before) {
  const std::string& mode = before.network_mode;
  const bool is_foreign = mode == "host" || mode == "none" || mode.starts_with("container:");
  if (!is_foreign && !before.networks.empty()) return {};
  return make_error(ErrorCode::kConflict, "container {} has no network of its own (mode {})", before.name, mode);
}

Status EndedProcessFault::check(const ContainerInfo& before) const {
  HEAL_TRY_STATUS(check_running(before));
  if (!before.auto_remove) return {};
  return make_error(ErrorCode::kRefused,
                    "container {} removes itself when it ends (--rm): nothing would be left that fault {} could start "
                    "again",
                    before.name, kind());
}

Status EndedProcessFault::undo(const Recipe& recipe, const Site& site) const {
  HEAL_TRY(const auto found, look_at(recipe, site));
  if (!found.info || !found.same_run || is_alive(*found.info)) return {};
  HEAL_TRY([[maybe_unused]] const auto change, site.engine.start(recipe.container, site.deadline, site.stop));
  return {};
}

Status EndedProcessFault::verify_undone(const Recipe& recipe, const Site& site) const {
  HEAL_TRY(const auto found, look_at(recipe, site));
  if (!found.info || !found.same_run || is_alive(*found.info)) return {};
  return make_error(ErrorCode::kConflict, "container {} is still {}", found.info->name, found.info->status);
}

}  // namespace heal::fault
