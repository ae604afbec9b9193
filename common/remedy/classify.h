#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/model/container.h"
#include "common/model/fault_lease.h"
#include "common/remedy/check.h"

namespace heal::remedy {

/// What the world shows of a trouble.
struct Clues {
  bool is_manual = false;
  std::optional<ContainerInfo> container;
  std::optional<Answer> health;    ///< of the inventory's health check; absent: not asked
  std::vector<FaultLease> leases;  ///< faults that were injected into this target
  WallTime detected_at{};
};

struct Classification {
  std::string type;  ///< MANUAL, CONTAINER_CRASH, TASK_STOPPED, HEALTH_CHECK_FAILURE, DEPLOYMENT_FAILURE or ALERT
  std::optional<WallTime> failed_at;
  std::optional<std::int64_t> exit_code;  ///< of a dead container, or of one that could not be started
  std::string reason;                     ///< why it died, as the engine tells; "" for a container that lives
  std::optional<FaultLease> drill = {};   ///< the injected fault that it is about

  bool operator==(const Classification&) const = default;
};

/// Why a dead container died, for people: `exit code 137 (SIGKILL), out of memory`; with the engine's own words when it
/// has some.
std::string death_reason(std::int64_t exit_code, bool oom_killed, const std::string& engine_says);
/// CONTAINER_CRASH, or TASK_STOPPED for one that ended as if it had been asked to (exit code 0, SIGTERM).
std::string death_type(std::int64_t exit_code, bool oom_killed);

/// What kind of incident it is and when the fault happened, from real events only: the injected fault's time, or the
/// dead container's FinishedAt. Pure.
Classification classify(const Clues& clues);

}  // namespace heal::remedy
