#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/base/mutex.h"
#include "common/port/store.h"
#include "common/remedy/source/delivery.h"
#include "common/wire/event_bridge.h"

namespace heal::remedy {

/// A service of ECS that is seen to run, or to have been deployed.
struct EcsRecovery {
  enum class Sight {
    kRunning,   ///< a task of it runs: ends what tasks of it that stopped earlier began, failed health checks aside
    kHealthy,   ///< and its containers' own health checks pass: ends failed health checks too
    kDeployed,  ///< a deployment of it is complete: ends everything
  };
  Sight sight = Sight::kRunning;
  Labels service;    ///< the labels that name it: account, region, cluster, service
  std::string task;  ///< that runs, as in label task; "" for kDeployed
  WallTime since{};  ///< when the task started or the deployment was complete: what began later is not over
  WallTime seen{};   ///< when it was so; decides instead about failed health checks, whose tasks are replaced first
  std::string reason, message;

  bool operator==(const EcsRecovery&) const = default;
};

/// What one event of ECS says: of a trouble, of a recovery, or of nothing (then `delivery.ignored` says why).
struct EcsReading {
  Delivery delivery;
  std::optional<EcsRecovery> recovery;

  bool operator==(const EcsReading&) const = default;
};

/// Trouble are deployments that failed, and tasks that stopped because a container of them ended, they could not start,
/// or ECS found them unhealthy: not those that anybody else stopped, nor jobs (tasks of no service) that ended well.
/// Episode key: `ecs:<taskArn>`, for a task stops once, whatever is told of it afterwards; of a deployment
/// `ecs:<deploymentId>` and the service's ARN. Labels, where known: alertname (EcsContainerCrash, EcsTaskStopped,
/// EcsHealthCheckFailure, EcsDeploymentFailure), source (eventbridge), type, account, region, cluster, service or
/// family, and of tasks task, task_definition, container (the first that failed), exit_code, reason, stop_code,
/// launch_type, availability_zone.
EcsReading read_ecs(EcsEvent event);

/// What ends which trouble. Keeps the newest recovery of each service, for EventBridge delivers in no order; that
/// memory ends with the process, and then `expire` does the rest. Thread-safe.
class EcsRecoveries {
 public:
  /// Adds the end of every episode that `recovery` ends: those of that service that the store holds unresolved.
  Status add_ends(const EcsRecovery& recovery, Store& store, EventBatch& batch) HEAL_EXCLUDES(mutex_);
  /// Makes kOver of every trouble in `batch` that is over by a recovery which was told before it.
  void end_what_is_over(EventBatch& batch) HEAL_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::map<std::pair<Labels, EcsRecovery::Sight>, EcsRecovery> newest_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::remedy
