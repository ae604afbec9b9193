#include "common/remedy/classify.h"

namespace heal::remedy {
namespace {

constexpr std::int64_t kExitBySigterm = 128 + 15;

bool is_dead(const ContainerInfo& container) {
  return container.status == "exited" || container.status == "dead";
}

std::string type_of(const Clues& clues) {
  if (clues.is_manual) return "MANUAL";
  if (!clues.container) return "ALERT";
  if (is_dead(*clues.container)) {
    const bool was_asked_to = clues.container->exit_code == 0 || clues.container->exit_code == kExitBySigterm;
    return was_asked_to && !clues.container->oom_killed ? "TASK_STOPPED" : "CONTAINER_CRASH";
  }
  if (clues.container->status == "restarting") return "CONTAINER_CRASH";
  return clues.health == Answer::kFail ? "HEALTH_CHECK_FAILURE" : "ALERT";
}

/// The newest fault that was injected into the run of the container that is in trouble.
std::optional<WallTime> injected_at(const Clues& clues) {
  std::optional<WallTime> newest;
  for (const auto& lease : clues.leases) {
    if (lease.injected_at > clues.detected_at || lease.state == FaultLease::State::kReverted) continue;
    // A container that was started since has left that fault behind, healed before its lease ended.
    const auto& started_at = clues.container ? clues.container->started_at : std::nullopt;
    if (started_at && lease.injected_at < *started_at) continue;
    if (!newest || lease.injected_at > *newest) newest = lease.injected_at;
  }
  return newest;
}

}  // namespace

Classification classify(const Clues& clues) {
  Classification out;
  out.type = type_of(clues);
  out.failed_at = injected_at(clues);
  if (out.failed_at || !clues.container || !is_dead(*clues.container)) return out;
  // A container that ended after the evidence began is not what the evidence was about.
  const auto& finished = clues.container->finished_at;
  if (finished && *finished <= clues.detected_at) out.failed_at = finished;
  return out;
}

}  // namespace heal::remedy
