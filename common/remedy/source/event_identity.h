#pragma once

#include <string>
#include <string_view>

#include "common/model/event.h"
#include "common/model/incident.h"

namespace heal::remedy {

/// Labels of the events that we make ourselves; routes match them as they match an alert's.
namespace event_labels {
inline constexpr std::string_view kName = "alertname";
inline constexpr std::string_view kSource = "source";        ///< docker, schedule
inline constexpr std::string_view kEvent = "event";          ///< docker: die, oom, health_status, destroy
inline constexpr std::string_view kEngine = "engine";        ///< docker: the engine's name in heal.yml
inline constexpr std::string_view kContainer = "container";  ///< docker: the container's name
inline constexpr std::string_view kContainerId = "container_id";
inline constexpr std::string_view kImage = "image";
inline constexpr std::string_view kGroup = "group";  ///< of the inventory, when there is one
inline constexpr std::string_view kType = "type";    ///< of the incident
inline constexpr std::string_view kExitCode = "exit_code";
inline constexpr std::string_view kSchedule = "schedule";  ///< the schedule's name
inline constexpr std::string_view kTarget = "target";      ///< schedule: its target
inline constexpr std::string_view kLoop = "loop";          ///< docker: "slow" when it dies again and again
}  // namespace event_labels

/// A label that says nothing is not given.
void add_label(Labels& labels, std::string_view name, std::string value);

/// Why a trouble is over, where that is told from several places and is no proof that the target is well.
namespace end_reasons {
inline constexpr std::string_view kExpired = "expired";           ///< nothing more was said of it
inline constexpr std::string_view kTaskRunning = "task_running";  ///< which may stop again in a second
}  // namespace end_reasons

/// The firing event that `episode` was made from, as far as what decides about routes, target and playbook goes.
SourceEvent event_of(const Episode& episode);

}  // namespace heal::remedy
