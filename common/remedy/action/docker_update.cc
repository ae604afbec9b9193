#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/action/docker.h"

namespace heal::remedy {
namespace {

constexpr std::int64_t kPeriod = 100'000;
constexpr std::int64_t kNoLimit = -1;

struct LimitMember {
  const char* name;
  std::optional<std::int64_t> ContainerLimits::*limit;
};
constexpr LimitMember kMembers[] = {
    {"memory", &ContainerLimits::memory_bytes},      {"memory_swap", &ContainerLimits::memory_swap_bytes},
    {"nano_cpus", &ContainerLimits::nano_cpus},      {"cpu_quota", &ContainerLimits::cpu_quota_us},
    {"cpu_period", &ContainerLimits::cpu_period_us}, {"pids", &ContainerLimits::pids}};

ContainerLimits limits_of(const BeforeState& before) {
  ContainerLimits limits;
  for (const LimitMember& member : kMembers)
    limits.*member.limit = parse_int(value_of(before, member.name));
  return limits;
}

/// With the limits as they are, and with the host's memory: where there is no limit, it is the one to go back to.
Result<BeforeState> prepare_update(const ActionScope& scope, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const DockerTarget target, docker_target(scope));
  HEAL_TRY(BeforeState before, prepare_docker(scope, deadline, stop));
  HEAL_TRY(const ContainerInfo info, target.engine->inspect(target.container, deadline, stop));
  for (const LimitMember& member : kMembers) {
    if (const auto& limit = info.limits.*member.limit) before[member.name] = fmt::format("{}", *limit);
  }
  if (info.limits.memory_bytes || !scope.step.arguments.has("memory")) return before;
  const auto stats = target.engine->stats(target.container, deadline, std::move(stop));
  if (stats.has_value() && stats->memory_limit_bytes > 0)
    before["host_memory"] = fmt::format("{}", stats->memory_limit_bytes);
  return before;
}

/// As much swap as there was; where there was no limit, as much as an engine gives when it makes a container. It
/// refuses memory without swap.
std::int64_t swap_for(std::int64_t memory, const ContainerLimits& now) {
  const std::int64_t swap = now.memory_swap_bytes.value_or(0);
  if (swap < 0) return kNoLimit;
  if (swap == 0) return 2 * memory;
  return memory + std::max<std::int64_t>(0, swap - now.memory_bytes.value_or(0));
}

/// Zero would leave a limit as it is, and CPUs may be limited in one of two ways only.
ContainerLimits wanted(const playbook::Arguments& arguments, const ContainerLimits& now) {
  ContainerLimits out;
  if (arguments.has("memory")) {
    out.memory_bytes = playbook::parse_size(arguments.text("memory")).value_or(0);
    out.memory_swap_bytes = swap_for(*out.memory_bytes, now);
  }
  if (arguments.has("cpus")) {
    const double cpus = arguments.number("cpus");
    if (now.nano_cpus) {
      out.nano_cpus = std::llround(cpus * 1e9);
    } else {
      out.cpu_period_us = now.cpu_period_us.value_or(kPeriod);
      out.cpu_quota_us = std::llround(cpus * static_cast<double>(*out.cpu_period_us));
    }
  }
  if (arguments.has("pids")) out.pids = arguments.integer("pids");
  return out;
}

bool holds(const ContainerLimits& wanted, const ContainerLimits& now) {
  for (const LimitMember& member : kMembers) {
    const auto& limit = wanted.*member.limit;
    if (limit && *limit != (now.*member.limit).value_or(kNoLimit)) return false;
  }
  return true;
}

std::string describe(const ContainerLimits& limits) {
  std::string out;
  for (const LimitMember& member : kMembers) {
    if (const auto& limit = limits.*member.limit)
      out += fmt::format("{}{}={}", out.empty() ? "" : ", ", member.name, *limit);
  }
  return out;
}

ActionResult set_limits(const ActionScope& scope, const BeforeState& before, Deadline deadline, std::stop_token stop) {
  auto target = docker_target(scope, before);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  const ContainerLimits now = limits_of(before);
  const ContainerLimits limits = wanted(scope.step.arguments, now);
  if (holds(limits, now))
    return ActionResult::done(fmt::format("{} has {} already", target->shown, describe(limits)),
                              {{"changed", "false"}});
  auto status = target->engine->update(target->container, limits, deadline, std::move(stop));
  if (!status.has_value()) return ActionResult::of_error(status.error());
  return ActionResult::done(fmt::format("{} has {} now", target->shown, describe(limits)), {{"changed", "true"}});
}

ProbeAnswer probe_update(const ActionScope& scope, const BeforeState& before, WallTime, std::stop_token stop) {
  auto target = docker_target(scope);
  if (!target.has_value()) return {Probed::kUnknown, target.error().str()};
  auto info = target->engine->inspect(value_of(before, "id"), scope.tools.clock.deadline_in(kEngineLook), stop);
  if (!info.has_value()) return {Probed::kUnknown, info.error().str()};
  const bool happened = holds(wanted(scope.step.arguments, limits_of(before)), info->limits);
  // An engine that is still at it would be no harm: what follows sets the same again.
  return {happened ? Probed::kHappened : Probed::kDidNotHappen,
          fmt::format("{} has {}", target->shown, describe(info->limits))};
}

/// What puts `found` back, where the step changed it. An engine has no way to take a memory limit away: the host's
/// memory is as good as none.
Result<ContainerLimits> former(const playbook::Arguments& arguments, const BeforeState& found) {
  const ContainerLimits limits = limits_of(found);
  ContainerLimits out;
  if (arguments.has("memory")) {
    out.memory_bytes = limits.memory_bytes ? limits.memory_bytes : parse_int(value_of(found, "host_memory"));
    // Once there was a limit, -1 would not take it away: engines keep that to themselves.
    if (out.memory_bytes) out.memory_swap_bytes = limits.memory_swap_bytes.value_or(2 * *out.memory_bytes);
    if (!out.memory_bytes)
      return make_error(ErrorCode::kConflict, "an engine cannot take a memory limit away, and the host's is not known");
  }
  if (arguments.has("cpus")) {
    out.nano_cpus = limits.nano_cpus;
    if (!limits.nano_cpus) out.cpu_quota_us = limits.cpu_quota_us.value_or(kNoLimit);
    if (!limits.nano_cpus) out.cpu_period_us = limits.cpu_period_us;
  }
  if (arguments.has("pids")) out.pids = limits.pids.value_or(kNoLimit);
  return out;
}

ActionResult restore_limits(const ActionScope& scope, const BeforeState& found, Deadline deadline,
                            std::stop_token stop) {
  auto target = docker_target(scope, found);
  if (!target.has_value()) return ActionResult::of_error(target.error());
  auto limits = former(scope.step.arguments, found);
  if (!limits.has_value()) return ActionResult::of_error(limits.error());
  auto status = target->engine->update(value_of(found, "id"), *limits, deadline, std::move(stop));
  if (!status.has_value()) return ActionResult::of_error(status.error());
  return ActionResult::done(fmt::format("{} has {} again", target->shown, describe(*limits)));
}

bool were_limits_so(const playbook::PlannedStep& step, const BeforeState& found) {
  const ContainerLimits then = limits_of(found);
  return holds(wanted(step.arguments, then), then);
}

}  // namespace

const ActionKind kDockerUpdate{"docker.update", prepare_update, set_limits,
                               probe_update,    restore_limits, were_limits_so};

}  // namespace heal::remedy
