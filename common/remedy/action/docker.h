#pragma once

#include <string>

#include "common/model/container.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {

/// The engine and the container that a docker step acts on.
struct DockerTarget {
  ContainerEngine* engine = nullptr;
  std::string container;  ///< the id when the step acts on the incident's container, so that a new one is never hit
  std::string shown;      ///< for messages
};
Result<DockerTarget> docker_target(const ActionScope& scope);

/// `id`, `status`, `started_at`, `finished_at`, `pid` of the container as it is now. kConflict when it is no longer the
/// container that the evidence is about.
Result<BeforeState> prepare_docker(const ActionScope& scope, Deadline deadline, std::stop_token stop);

/// Outputs that every docker step that looks at a container gives.
std::map<std::string, std::string, std::less<>> docker_outputs(const ContainerInfo& info);

/// Asks the engine until `happened` says that the step took effect, or until the engine has had `patience` since the
/// intent: it goes on with a call after its client has left, so an early look proves nothing.
ProbeAnswer probe_docker(const ActionScope& scope, const BeforeState& before, WallTime intended_at, Duration patience,
                         bool (*happened)(const BeforeState& before, const ContainerInfo& now), std::stop_token stop);

/// True when the container was started after `before` was taken.
bool was_started_since(const BeforeState& before, const ContainerInfo& now);

/// How much longer than its grace a call to the engine may take before it is taken not to have happened.
inline constexpr Duration kEngineSlack = 10s;

}  // namespace heal::remedy
