#pragma once

#include <string>

#include "common/model/container.h"
#include "common/remedy/action/action.h"

namespace heal::remedy {

/// How long a look at the engine may take.
inline constexpr Duration kEngineLook = 5s;

/// What the step acts on: its own target or the plan's.
const TargetId& target_of(const ActionScope& scope);

/// The engine and the container that a docker step acts on.
struct DockerTarget {
  ContainerEngine* engine = nullptr;
  /// The id when it is known which container is meant (the incident's; of an undo, the one that the step acted on), so
  /// that one made anew under its name is never hit; after docker.recreate the new one's.
  std::string container;
  std::string shown;  ///< for messages
};
Result<DockerTarget> docker_target(const ActionScope& scope);
/// The same for a step that has looked: the container whose id it found, also when another one has its name by now.
Result<DockerTarget> docker_target(const ActionScope& scope, const BeforeState& before);

/// A value of the intent; "" when it is not there.
const std::string& value_of(const BeforeState& before, std::string_view name);

/// `id`, `status`, `started_at`, `finished_at`, `pid` of the container as it is now. kConflict when it is no longer the
/// container that the evidence is about.
Result<BeforeState> prepare_docker(const ActionScope& scope, Deadline deadline, std::stop_token stop);

/// Outputs that every docker step that looks at a container gives.
std::map<std::string, std::string, std::less<>> docker_outputs(const ContainerInfo& info);

/// Asks the engine until `happened` says that the step took effect, or until the engine has had `patience` since it was
/// first asked: it goes on with a call after its client has left, so an early look proves nothing. The time since the
/// intent is not counted: it is known by the wall clock alone, which may have been set in between.
ProbeAnswer probe_docker(const ActionScope& scope, const BeforeState& before, Duration patience,
                         bool (*happened)(const BeforeState& before, const ContainerInfo& now), std::stop_token stop);

/// True when the container was started after `before` was taken.
bool was_started_since(const BeforeState& before, const ContainerInfo& now);

/// How much longer than its grace a call to the engine may take before it is taken not to have happened.
inline constexpr Duration kEngineSlack = 10s;

/// True for the states of a container that nothing of it runs in.
bool is_at_rest(std::string_view status);

}  // namespace heal::remedy
