#pragma once

#include <optional>
#include <stop_token>

#include "common/model/container.h"
#include "common/remedy/check.h"

namespace heal::remedy {

/// What the sources are asked with.
struct EvidenceScope {
  const World& world;
  const Tools& tools;
  const std::optional<ContainerInfo>& container;  ///< the target as its engine shows it now
  const playbook::InventoryTarget& target;
};

/// Asks the source that an episode came from whether it is still true: Alertmanager for the alert, the engine for the
/// container (which `container` holds already), the schedule's own check. kUnaskable for one of a source that only
/// tells (Grafana, Azure Monitor, EventBridge). nullopt where there is nothing to ask (a person; an alert while no
/// Alertmanager is configured).
std::optional<AlertAnswer> ask_source(const Episode& episode, const EvidenceScope& scope, Deadline deadline,
                                      std::stop_token stop);

}  // namespace heal::remedy
