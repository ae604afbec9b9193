#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// Where an event of ECS comes from.
struct EcsOrigin {
  std::string event_id, account, region;
  WallTime time{};  ///< when the event was made

  bool operator==(const EcsOrigin&) const = default;
};

/// A container of a task.
struct EcsContainer {
  std::string name, last_status, reason, health_status;
  std::optional<std::int64_t> exit_code;

  bool operator==(const EcsContainer&) const = default;
};

/// A task of ECS that changed its state.
struct EcsTaskChange {
  EcsOrigin origin;
  std::string task_arn, cluster_arn, task_definition_arn;
  std::string group;  ///< `service:NAME` or `family:NAME`
  std::string launch_type, availability_zone;
  std::string desired_status, last_status;
  std::string stop_code, stopped_reason;
  std::optional<WallTime> started_at, execution_stopped_at, stopped_at;
  std::vector<EcsContainer> containers;

  bool operator==(const EcsTaskChange&) const = default;
};

/// A deployment of an ECS service that began, ended or failed.
struct EcsDeploymentChange {
  EcsOrigin origin;
  std::string service_arn;
  std::string deployment_id;
  std::string name;  ///< SERVICE_DEPLOYMENT_IN_PROGRESS, …_COMPLETED, …_FAILED
  std::string reason;
  std::optional<WallTime> updated_at;

  bool operator==(const EcsDeploymentChange&) const = default;
};

using EcsEvent = std::variant<EcsTaskChange, EcsDeploymentChange>;

/// An event that Amazon EventBridge delivers (awsdocs/amazon-ecs-developer-guide ecs_cwe_events.md): version "0" · id ·
/// detail-type · source "aws.ecs" · account · time RFC 3339 · region · resources array of ARNs · detail, for
///   "ECS Task State Change": taskArn, clusterArn, taskDefinitionArn, group, launchType, availabilityZone,
///     desiredStatus, lastStatus, stopCode, stoppedReason strings · startedAt, executionStoppedAt, stoppedAt RFC 3339 ·
///     containers[]{name, lastStatus, reason, healthStatus strings · exitCode whole number}
///   "ECS Deployment State Change": eventName, deploymentId, reason strings · updatedAt RFC 3339; resources[0] is the
///     service
/// Required: source, detail-type, time, taskArn, clusterArn and lastStatus, or resources[0], eventName and
/// deploymentId. kInvalid with the JSON pointer for what breaks that, and for other sources and types.
Result<EcsEvent> parse_event_bridge(std::string_view body);

}  // namespace heal
