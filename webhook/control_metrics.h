#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/remedy/controls.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/ledger.h"
#include "common/telemetry/metrics.h"

namespace heal::webhook {

/// What stands against acting, as metrics: heal_lever_engaged, heal_pause_info{name,reason}, heal_paused,
/// heal_storm_active, heal_breaker_state{playbook,target} and heal_breakers_open{playbook}.
void expose_controls(ExpositionWriter& out, const remedy::ControlState& controls,
                     const std::optional<std::string>& lever_objection, const std::vector<std::string>& playbooks,
                     WallTime now);

/// heal_queue_depth and heal_queue_oldest_age_seconds, as they are at the moment.
void expose_queue(ExpositionWriter& out, const remedy::QueueState& queue);

/// heal_lock_holder_info{target,owner}: one for each target that an incident's steps hold.
void expose_locks(ExpositionWriter& out, const remedy::LockHolders& holders);

}  // namespace heal::webhook
