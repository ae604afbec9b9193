#include "common/remedy/source/ecs_events.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/source/event_identity.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

constexpr std::string_view kCrash = "CONTAINER_CRASH";
constexpr std::string_view kTaskStopped = "TASK_STOPPED";
constexpr std::string_view kUnhealthy = "HEALTH_CHECK_FAILURE";
constexpr std::string_view kDeployment = words::kDeploymentType;
constexpr std::size_t kMostReason = 500;
constexpr std::size_t kMostRecoveries = 1000;

/// `cart:7` of `arn:aws:ecs:…:task-definition/cart:7`.
std::string last_part(std::string_view arn) {
  return std::string(arn.substr(arn.rfind('/') + 1));
}

/// The cluster's name in a service's ARN `…:service/CLUSTER/NAME`; the older form `…:service/NAME` has none.
std::string cluster_in(std::string_view service_arn) {
  const auto parts = split(service_arn, '/');
  return parts.size() == 3 ? std::string(parts[1]) : "";
}

std::string_view service_in(std::string_view group) {
  constexpr std::string_view kPrefix = "service:";
  return group.starts_with(kPrefix) ? group.substr(kPrefix.size()) : std::string_view();
}

Labels service_labels(const EcsOrigin& origin, std::string cluster, std::string_view service) {
  Labels labels;
  add_label(labels, "account", origin.account);
  add_label(labels, "region", origin.region);
  add_label(labels, "cluster", std::move(cluster));
  add_label(labels, "service", std::string(service));
  return labels;
}

/// Ended by itself with an error: not well, and not by ECS, which ends the others (SIGTERM 143, SIGKILL 137) once one
/// that is essential has ended.
bool has_failed(const EcsContainer& container) {
  const auto code = container.exit_code.value_or(0);
  return code != 0 && code != 137 && code != 143;
}

/// The container that a stopped task stopped for, as far as can be told.
const EcsContainer* culprit_of(const EcsTaskChange& task) {
  const auto& all = task.containers;
  const auto first = [&all](auto wanted) -> const EcsContainer* {
    const auto it = std::find_if(all.begin(), all.end(), wanted);
    return it == all.end() ? nullptr : &*it;
  };
  if (const auto* found = first(has_failed)) return found;
  if (const auto* found = first([](const EcsContainer& c) { return !c.reason.empty(); })) return found;
  if (const auto* found = first([](const EcsContainer& c) { return c.exit_code.value_or(0) != 0; })) return found;
  if (const auto* found = first([](const EcsContainer& c) { return c.exit_code.has_value(); })) return found;
  return all.size() == 1 ? &all.front() : nullptr;
}

/// What a stop is, in the words of incidents; "" for one that is no trouble: only these codes tell of one. The reason
/// of a stop that a person asked for is his own text, and never looked at.
std::string_view type_of(const EcsTaskChange& task, const EcsContainer* culprit) {
  const std::string& code = task.stop_code;
  const bool is_check = to_lower(task.stopped_reason).find("health check") != std::string::npos;
  if (is_check && (code.empty() || code == "ServiceSchedulerInitiated")) return kUnhealthy;
  if (code == "TaskFailedToStart") return kDeployment;
  if (!code.empty() && code != "EssentialContainerExited") return "";
  const bool has_reason = culprit != nullptr && !culprit->reason.empty();
  const bool has_bad_exit = culprit != nullptr && culprit->exit_code.value_or(0) != 0;
  return has_reason || has_bad_exit ? kCrash : kTaskStopped;
}

/// Only tasks of services shall not end.
bool is_finished_job(const EcsTaskChange& task) {
  return service_in(task.group).empty() && !task.containers.empty() &&
         std::all_of(task.containers.begin(), task.containers.end(),
                     [](const EcsContainer& container) { return container.exit_code == 0; });
}

std::string_view alert_name(std::string_view type) {
  if (type == kCrash) return "EcsContainerCrash";
  if (type == kUnhealthy) return "EcsHealthCheckFailure";
  return type == kDeployment ? "EcsDeploymentFailure" : "EcsTaskStopped";
}

SourceEvent new_event(std::string_view type, std::string key, Labels service, const std::string& reason) {
  SourceEvent event;
  event.source = words::kEventBridge;
  event.key = std::move(key);
  event.name = alert_name(type);
  event.labels = std::move(service);
  event.labels.emplace(event_labels::kName, event.name);
  event.labels.emplace(event_labels::kSource, words::kEventBridge);
  event.labels.emplace(event_labels::kType, type);
  event.facts.type = type;
  event.facts.reason = printable(reason, kMostReason);
  add_label(event.labels, "reason", event.facts.reason);
  return event;
}

SourceEvent stopped(const EcsTaskChange& task, std::string_view type, const EcsContainer* culprit) {
  const bool has_own_reason = culprit != nullptr && !culprit->reason.empty();
  SourceEvent event = new_event(type, told_key("ecs:", task.task_arn),
                                service_labels(task.origin, last_part(task.cluster_arn), service_in(task.group)),
                                has_own_reason ? culprit->reason : task.stopped_reason);
  Labels& labels = event.labels;
  if (task.group.starts_with("family:")) add_label(labels, "family", task.group.substr(task.group.find(':') + 1));
  add_label(labels, "task", last_part(task.task_arn));
  add_label(labels, "task_definition", last_part(task.task_definition_arn));
  add_label(labels, "stop_code", task.stop_code);
  add_label(labels, "launch_type", task.launch_type);
  add_label(labels, "availability_zone", task.availability_zone);
  if (culprit != nullptr) {
    add_label(labels, event_labels::kContainer, culprit->name);
    event.facts.exit_code = culprit->exit_code;
    if (culprit->exit_code) add_label(labels, event_labels::kExitCode, std::to_string(*culprit->exit_code));
  }
  if (!task.stopped_reason.empty()) event.annotations["stopped_reason"] = task.stopped_reason;
  event.facts.failed_at = task.execution_stopped_at ? task.execution_stopped_at : task.stopped_at;
  event.starts_at = task.stopped_at.value_or(task.origin.time);
  return event;
}

std::optional<EcsRecovery> running(const EcsTaskChange& task) {
  const std::string_view service = service_in(task.group);
  const bool runs = task.last_status == "RUNNING" && task.desired_status == "RUNNING" && task.started_at;
  const auto has = [&task](std::string_view health) {
    return std::any_of(task.containers.begin(), task.containers.end(),
                       [&](const EcsContainer& container) { return container.health_status == health; });
  };
  if (!runs || service.empty() || has("UNHEALTHY")) return std::nullopt;
  EcsRecovery recovery;
  recovery.sight = has("HEALTHY") ? EcsRecovery::Sight::kHealthy : EcsRecovery::Sight::kRunning;
  recovery.service = service_labels(task.origin, last_part(task.cluster_arn), service);
  recovery.task = last_part(task.task_arn);
  recovery.since = *task.started_at;
  recovery.seen = task.origin.time;
  recovery.reason = end_reasons::kTaskRunning;
  recovery.message = fmt::format("task {} of service {} runs since {}", printable(last_part(task.task_arn)),
                                 printable(service), format_rfc3339(*task.started_at));
  return recovery;
}

EcsReading ignored(std::string reason) {
  EcsReading out;
  out.delivery.batch.source = words::kEventBridge;
  out.delivery.ignored.push_back({0, std::move(reason)});
  return out;
}

EcsReading trouble(SourceEvent event) {
  EcsReading out;
  out.delivery.batch.source = words::kEventBridge;
  out.delivery.batch.events.push_back(std::move(event));
  return out;
}

EcsReading recovered(EcsRecovery recovery) {
  EcsReading out = ignored(recovery.message);
  out.recovery = std::move(recovery);
  return out;
}

EcsReading read_task(const EcsTaskChange& task) {
  if (auto recovery = running(task)) return recovered(std::move(*recovery));
  const std::string name = printable(last_part(task.task_arn));
  if (task.last_status != "STOPPED") return ignored(fmt::format("task {} is {}", name, printable(task.last_status)));
  if (is_finished_job(task)) return ignored(fmt::format("task {} is of no service, and has ended well", name));
  const EcsContainer* culprit = culprit_of(task);
  const std::string_view type = type_of(task, culprit);
  if (!type.empty()) return trouble(stopped(task, type, culprit));
  return ignored(fmt::format("task {} was stopped, and did not fail ({}): {}", name, printable(task.stop_code),
                             printable(task.stopped_reason, 300)));
}

EcsReading read_deployment(const EcsDeploymentChange& deployment) {
  Labels service =
      service_labels(deployment.origin, cluster_in(deployment.service_arn), last_part(deployment.service_arn));
  const WallTime at = deployment.updated_at.value_or(deployment.origin.time);
  const std::string name = printable(last_part(deployment.service_arn));
  if (deployment.name == "SERVICE_DEPLOYMENT_COMPLETED") {
    return recovered({EcsRecovery::Sight::kDeployed, std::move(service), "", at, at, "deployed",
                      fmt::format("a deployment of service {} is complete", name)});
  }
  if (deployment.name != "SERVICE_DEPLOYMENT_FAILED")
    return ignored(fmt::format("service {}: {}", name, printable(deployment.name)));
  SourceEvent event =
      new_event(kDeployment, told_key("ecs:", fmt::format("{}:{}", deployment.deployment_id, deployment.service_arn)),
                std::move(service), deployment.reason);
  event.starts_at = at;
  event.facts.failed_at = deployment.updated_at;
  return trouble(std::move(event));
}

bool ends(const EcsRecovery& recovery, const Labels& labels, WallTime starts_at) {
  for (const std::string_view name : {"account", "region", "cluster", "service"}) {
    if (label_value(labels, name) != label_value(recovery.service, name)) return false;
  }
  if (label_value(recovery.service, "service").empty()) return false;
  if (recovery.sight == EcsRecovery::Sight::kDeployed) return starts_at <= recovery.since;
  const auto task = label_value(labels, "task");
  if (task.empty() || task == recovery.task) return false;
  if (label_value(labels, event_labels::kType) != kUnhealthy) return starts_at <= recovery.since;
  // ECS starts the other task before it stops the unhealthy one.
  return recovery.sight == EcsRecovery::Sight::kHealthy && starts_at <= recovery.seen;
}

void end(SourceEvent& event, SourceEvent::Kind kind, const EcsRecovery& recovery) {
  event.kind = kind;
  event.ends_at = std::max(recovery.since, event.starts_at);
  event.end_reason = recovery.reason;
  event.end_message = recovery.message;
}

}  // namespace

EcsReading read_ecs(EcsEvent event) {
  if (const auto* task = std::get_if<EcsTaskChange>(&event)) return read_task(*task);
  return read_deployment(std::get<EcsDeploymentChange>(event));
}

Status EcsRecoveries::add_ends(const EcsRecovery& recovery, Store& store, EventBatch& batch) {
  {
    MutexLock lock(mutex_);
    if (newest_.size() >= kMostRecoveries) newest_.clear();
    auto& known = newest_[{recovery.service, recovery.sight}];
    if (known.seen <= recovery.seen) known = recovery;
  }
  return store.each_unresolved(std::string(words::kEventBridge), [&](const Episode& episode) {
    // Further ones (`…#2`) end with the first.
    if (episode.key.find('#') != std::string::npos || !ends(recovery, episode.labels, episode.starts_at)) return;
    SourceEvent event;
    event.source = episode.source;
    event.key = episode.key;
    event.name = episode.name;
    event.labels = episode.labels;
    event.starts_at = episode.starts_at;
    end(event, SourceEvent::Kind::kResolved, recovery);
    batch.events.push_back(std::move(event));
  });
}

void EcsRecoveries::end_what_is_over(EventBatch& batch) {
  MutexLock lock(mutex_);
  for (SourceEvent& event : batch.events) {
    const auto it = std::find_if(newest_.begin(), newest_.end(),
                                 [&](const auto& known) { return ends(known.second, event.labels, event.starts_at); });
    if (it != newest_.end()) end(event, SourceEvent::Kind::kOver, it->second);
  }
}

}  // namespace heal::remedy
