#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "common/playbook/guards.h"
#include "common/remedy/ledger.h"
#include "common/remedy/population.h"

namespace heal::remedy {

/// The group of a target that somebody wants to break on purpose.
struct GroupAtRisk {
  std::string target;
  Population population;         ///< with the target
  std::set<std::string> broken;  ///< what is under an injected fault
  LockHolders healed;            ///< what is being healed, and by which incident
};

/// Whether the group can do without its target: kRefused, with the reason, when another member is under a fault or
/// being healed, or when fewer would be healthy than `guard` wants for a heal. Pure.
Status check_blast_radius(const GroupAtRisk& group, const playbook::PopulationGuard& guard);

/// Asks the others of the group of container `target` how they are, and does the same with heal.yml's guard; success
/// for a target without a group. `holders`: the locks of heals, which hold them until they have been verified. Blocks
/// for twice the guard's timeout at most.
Status check_blast_radius(const World& world, const Tools& tools, const LockHolders& holders, const TargetId& target,
                          const ContainerInfo& info, const std::set<TargetId>& broken, const std::stop_token& stop);

}  // namespace heal::remedy
