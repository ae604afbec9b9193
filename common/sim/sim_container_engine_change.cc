#include <utility>

#include "common/sim/sim_container_engine.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

constexpr std::int64_t kLeastMemory = 6 << 20;

Status check_limits(const ContainerLimits& limits, const ContainerLimits& now) {
  if (limits.memory_bytes && *limits.memory_bytes != 0 && *limits.memory_bytes < kLeastMemory)
    return docker_error(400, "Minimum memory limit allowed is 6MB");
  const std::int64_t swap = now.memory_swap_bytes.value_or(0);
  const bool needs_swap = limits.memory_bytes && !limits.memory_swap_bytes && swap != -1;
  if (needs_swap && *limits.memory_bytes > swap) {
    return docker_error(
        409,
        "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the "
        "same time");
  }
  if (limits.nano_cpus.value_or(0) > 0 && now.cpu_quota_us.value_or(0) > 0)
    return docker_error(409, "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set");
  if (limits.cpu_quota_us.value_or(0) > 0 && now.nano_cpus.value_or(0) > 0)
    return docker_error(409, "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
  return {};
}

/// 0 says nothing, as with the real one.
void set(const std::optional<std::int64_t>& wanted, std::optional<std::int64_t>& limit) {
  if (wanted && *wanted != 0) limit = wanted;
}

}  // namespace

void SimContainerEngine::on_exec(ExecHook hook) {
  MutexLock lock(mutex_);
  exec_hook_ = std::move(hook);
}

Status SimContainerEngine::update(const std::string& container, const ContainerLimits& limits, Deadline deadline,
                                  std::stop_token stop) {
  HEAL_TRY(auto call, enter({"update", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  ContainerLimits& now = found->info.limits;
  HEAL_TRY_STATUS(check_limits(limits, now));
  set(limits.memory_bytes, now.memory_bytes);
  set(limits.memory_swap_bytes, now.memory_swap_bytes);
  set(limits.nano_cpus, now.nano_cpus);
  set(limits.cpu_quota_us, now.cpu_quota_us);
  set(limits.cpu_period_us, now.cpu_period_us);
  set(limits.pids, now.pids);
  found->info.memory_limit_bytes = now.memory_bytes;
  if (now.memory_bytes) found->stats.memory_limit_bytes = static_cast<std::uint64_t>(*now.memory_bytes);
  emit(*found, "update");
  return call.answer();
}

Result<ExecOutcome> SimContainerEngine::exec(const std::string& container, const ExecSpec& spec, Deadline deadline,
                                             std::stop_token stop) {
  if (spec.argv.empty()) return make_error(ErrorCode::kInvalid, "there is no program to run");
  HEAL_TRY(auto call, enter({"exec", container, spec.argv.front()}, deadline, std::move(stop)));
  ContainerInfo info;
  ExecHook hook;
  {
    MutexLock lock(mutex_);
    HEAL_TRY(const Container* found, require(container));
    info = found->info;
    if (info.status == "paused")
      return docker_error(409, fmt::format("Container {} is paused, unpause the container before exec", info.name));
    if (!info.running()) return docker_error(409, fmt::format("Container {} is not running", info.id));
    hook = exec_hook_;
  }
  if (!hook) return call.answer(ExecOutcome{});
  HEAL_TRY(auto outcome, hook(info, spec));
  return call.answer(std::move(outcome));
}

Result<std::string> SimContainerEngine::clone(const std::string& container, const std::string& name, Deadline deadline,
                                              std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(name, "container"));
  HEAL_TRY(auto call, enter({"clone", container, name}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(const Container* found, require(container));
  if (found->info.auto_remove) {
    return make_error(ErrorCode::kConflict, "container {} removes itself when it ends, it cannot be made anew",
                      found->info.name);
  }
  HEAL_TRY_STATUS(check_free(name));
  const Container like = *found;
  Container& made = make({name, like.info.image, like.info.labels, like.info.restart_policy, {}, like.program});
  made.info.labels.insert_or_assign(std::string(kReplacesLabel), like.info.id);
  made.info.network_mode = like.info.network_mode;
  made.info.networks = like.info.networks;
  made.info.limits = like.info.limits;
  made.info.memory_limit_bytes = like.info.memory_limit_bytes;
  made.stats.memory_limit_bytes = like.stats.memory_limit_bytes;
  made.spec = like.spec;
  return call.answer(made.info.id);
}

Status SimContainerEngine::rename(const std::string& container, const std::string& name, Deadline deadline,
                                  std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(name, "container"));
  HEAL_TRY(auto call, enter({"rename", container, name}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  if (found->info.name == name) return docker_error(400, "Renaming a container with the same name as its current name");
  HEAL_TRY_STATUS(check_free(name));
  const std::string old = std::exchange(found->info.name, name);
  emit(*found, "rename", {{"oldName", "/" + old}});
  return call.answer();
}

Status SimContainerEngine::check_free(const std::string& name) {
  const Container* other = find(name);
  if (other == nullptr || other->info.name != name) return {};
  return docker_error(409, fmt::format("Conflict. The container name \"/{}\" is already in use by container \"{}\". "
                                       "You have to remove (or rename) that container to be able to reuse that name.",
                                       name, other->info.id));
}

}  // namespace heal
