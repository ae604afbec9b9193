#pragma once

#include <string>

#include "common/base/result.h"
#include "common/port/container_engine.h"

namespace heal::fault {

/// What is done about a container that is in production (label `heal.environment=production`).
enum class InProduction {
  kRefuse,
  kReally,  ///< whoever asks has said that it is meant
};

/// Success when `container` may be broken on purpose: it has the label `heal.simulate=allow` and is neither Prometheus,
/// Alertmanager nor one of our own programs, by its label `heal.role`, by the name of its image or of its compose
/// service, or by being `own_container` (an id or the beginning of one; "" when we run in none); nor is it in
/// production, unless that is meant. Otherwise kRefused with the reason.
Status check_may_break(const ContainerInfo& container, const std::string& own_container, InProduction in_production);

/// Whether it is a part of the monitoring, by the same marks.
bool is_monitoring(const ContainerInfo& container);

}  // namespace heal::fault
