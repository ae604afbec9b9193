#include "common/wire/event_bridge.h"

#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kDetail = "/detail";
constexpr std::size_t kMostBridgeValues = 50'000;
/// ECS allows ten to a task.
constexpr std::size_t kMostContainers = 100;

Result<EcsOrigin> parse_origin(const Json& event) {
  HEAL_TRY(const auto source, get_string(event, "source"));
  if (source != "aws.ecs") {
    return make_error(ErrorCode::kInvalid, "/source: expected \"aws.ecs\", got \"{}\"", printable(source));
  }
  EcsOrigin origin;
  HEAL_TRY(origin.event_id, get_string_or_empty(event, "id", ""));
  HEAL_TRY(origin.account, get_string_or_empty(event, "account", ""));
  HEAL_TRY(origin.region, get_string_or_empty(event, "region", ""));
  HEAL_TRY(origin.time, get_time(event, "time"));
  return origin;
}

Result<EcsContainer> parse_container(const Json& json, std::string_view at) {
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "{}: expected an object, got {}", at, json_type_name(json));
  }
  EcsContainer container;
  HEAL_TRY(container.name, get_string_or_empty(json, "name", at));
  HEAL_TRY(container.last_status, get_string_or_empty(json, "lastStatus", at));
  HEAL_TRY(container.reason, get_string_or_empty(json, "reason", at));
  HEAL_TRY(container.health_status, get_string_or_empty(json, "healthStatus", at));
  HEAL_TRY(container.exit_code, get_optional_int(json, "exitCode", at));
  return container;
}

Result<std::vector<EcsContainer>> parse_containers(const Json& detail) {
  std::vector<EcsContainer> out;
  HEAL_TRY(const Json* list, get_optional_array(detail, "containers", kDetail));
  if (list == nullptr) return out;
  if (list->size() > kMostContainers) {
    return make_error(ErrorCode::kInvalid, "/detail/containers: expected at most {} containers, got {}",
                      kMostContainers, list->size());
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEAL_TRY(auto container, parse_container((*list)[i], json_pointer("/detail/containers", i)));
    out.push_back(std::move(container));
  }
  return out;
}

Result<EcsEvent> parse_task(EcsOrigin origin, const Json& detail) {
  EcsTaskChange task;
  task.origin = std::move(origin);
  HEAL_TRY(task.task_arn, get_nonempty_string(detail, "taskArn", kDetail));
  HEAL_TRY(task.cluster_arn, get_nonempty_string(detail, "clusterArn", kDetail));
  HEAL_TRY(task.last_status, get_nonempty_string(detail, "lastStatus", kDetail));
  HEAL_TRY(task.task_definition_arn, get_string_or_empty(detail, "taskDefinitionArn", kDetail));
  HEAL_TRY(task.group, get_string_or_empty(detail, "group", kDetail));
  HEAL_TRY(task.launch_type, get_string_or_empty(detail, "launchType", kDetail));
  HEAL_TRY(task.availability_zone, get_string_or_empty(detail, "availabilityZone", kDetail));
  HEAL_TRY(task.desired_status, get_string_or_empty(detail, "desiredStatus", kDetail));
  HEAL_TRY(task.stop_code, get_string_or_empty(detail, "stopCode", kDetail));
  HEAL_TRY(task.stopped_reason, get_string_or_empty(detail, "stoppedReason", kDetail));
  HEAL_TRY(task.started_at, get_optional_time(detail, "startedAt", kDetail));
  HEAL_TRY(task.execution_stopped_at, get_optional_time(detail, "executionStoppedAt", kDetail));
  HEAL_TRY(task.stopped_at, get_optional_time(detail, "stoppedAt", kDetail));
  HEAL_TRY(task.containers, parse_containers(detail));
  return EcsEvent(std::move(task));
}

Result<EcsEvent> parse_deployment(EcsOrigin origin, const Json& event, const Json& detail) {
  EcsDeploymentChange deployment;
  deployment.origin = std::move(origin);
  HEAL_TRY(const Json* resources, get_array(event, "resources"));
  if (resources->empty() || !resources->front().is_string()) {
    return make_error(ErrorCode::kInvalid, "/resources/0: expected the ARN of a service");
  }
  deployment.service_arn = resources->front().get<std::string>();
  if (deployment.service_arn.find(":service/") == std::string::npos || deployment.service_arn.ends_with('/')) {
    return make_error(ErrorCode::kInvalid, "/resources/0: expected the ARN of a service, got \"{}\"",
                      printable(deployment.service_arn, 200));
  }
  HEAL_TRY(deployment.name, get_nonempty_string(detail, "eventName", kDetail));
  HEAL_TRY(deployment.deployment_id, get_nonempty_string(detail, "deploymentId", kDetail));
  HEAL_TRY(deployment.reason, get_string_or_empty(detail, "reason", kDetail));
  HEAL_TRY(deployment.updated_at, get_optional_time(detail, "updatedAt", kDetail));
  return EcsEvent(std::move(deployment));
}

}  // namespace

Result<EcsEvent> parse_event_bridge(std::string_view body) {
  JsonLimits limits;
  limits.max_values = kMostBridgeValues;
  HEAL_TRY(const auto json, parse_json(body, limits));
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "expected an object, got {}", json_type_name(json));
  }
  HEAL_TRY(auto origin, parse_origin(json));
  HEAL_TRY(const auto type, get_string(json, "detail-type"));
  HEAL_TRY(const Json* detail, get_object(json, "detail"));
  if (type == "ECS Task State Change") return parse_task(std::move(origin), *detail);
  if (type == "ECS Deployment State Change") return parse_deployment(std::move(origin), json, *detail);
  return make_error(ErrorCode::kInvalid,
                    "/detail-type: expected \"ECS Task State Change\" or \"ECS Deployment State Change\", got \"{}\"",
                    printable(type));
}

}  // namespace heal
