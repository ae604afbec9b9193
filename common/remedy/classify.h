#pragma once

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
  std::string type;  ///< MANUAL, CONTAINER_CRASH, TASK_STOPPED, HEALTH_CHECK_FAILURE or ALERT
  std::optional<WallTime> failed_at;

  bool operator==(const Classification&) const = default;
};

/// What kind of incident it is and when the fault happened, from real events only: the injected fault's time, or the
/// dead container's FinishedAt. Pure.
Classification classify(const Clues& clues);

}  // namespace heal::remedy
