#include "common/remedy/blast_radius.h"

#include <vector>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::remedy {
namespace {

Error refusal(const GroupAtRisk& group, const std::string& why) {
  return make_error(ErrorCode::kRefused,
                    "group {}: {}: only --ignore-blast-radius (ignore_blast_radius in a request) breaks {}",
                    group.population.group, why, group.target);
}

Status check_quiet(const GroupAtRisk& group) {
  for (const Member& member : group.population.members) {
    if (member.target == group.target) continue;
    if (group.broken.contains(member.target)) return refusal(group, member.target + " is under a fault");
    if (const auto healed = group.healed.find(member.target); healed != group.healed.end())
      return refusal(group, fmt::format("{} is being healed by incident {}", member.target, healed->second));
  }
  return {};
}

}  // namespace

Status check_blast_radius(const GroupAtRisk& group, const playbook::PopulationGuard& guard) {
  const Population& population = group.population;
  if (!population.error.empty()) {
    if (guard.on_error == playbook::OnError::kAllow) return {};
    return refusal(group, fmt::format("its members cannot be told ({})", printable(population.error, 300)));
  }
  HEAL_TRY_STATUS(check_quiet(group));
  if (guard.state == playbook::GuardSwitch::kOff) return {};
  std::vector<std::string> sick;
  for (const Member& member : population.members) {
    if (member.target != group.target && member.answer != Answer::kPass)
      sick.push_back(fmt::format("{}: {}", member.target, printable(member.message, 200)));
  }
  const std::size_t most = guard.most_unhealthy(population.members.size());
  if (sick.size() + 1 <= most) return {};
  return refusal(group, fmt::format("with it {} of {} members would be unhealthy, {} may be ({})", sick.size() + 1,
                                    population.members.size(), most, fmt::join(sick, "; ")));
}

Status check_blast_radius(const World& world, const Tools& tools, const LockHolders& holders, const TargetId& target,
                          const ContainerInfo& info, const std::set<TargetId>& broken, const std::stop_token& stop) {
  const auto& config = world.bundle.config;
  const auto entry = playbook::inventory_of_container(config, target, info.labels);
  if (!entry.has_value() || entry->group.empty()) return {};
  const playbook::PopulationGuard& guard = config.guards.population;
  GroupAtRisk group{target.str(), ask_population(world, tools, entry->group, target, guard.timeout, stop), {}, holders};
  for (const TargetId& each : broken)
    group.broken.insert(each.str());
  return check_blast_radius(group, guard);
}

}  // namespace heal::remedy
