#include "common/remedy/population.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace heal::remedy {
namespace {

constexpr std::size_t kAskers = 8;

/// What is known of a member before it is asked.
struct Listed {
  playbook::InventoryTarget entry;
  std::optional<ContainerInfo> container;  ///< as the engine's list has it
  std::string error;                       ///< why it could not be looked up
};
using Listing = std::map<TargetId, Listed>;

void add_containers(Listing& listing, const playbook::HealConfig& config, const std::string& engine,
                    const std::string& group, const std::vector<ContainerInfo>& containers) {
  for (const ContainerInfo& container : containers) {
    const TargetId id{"container", engine, container.name};
    auto entry = playbook::inventory_of_container(config, id, container.labels);
    if (!entry.has_value() || entry->group != group) continue;
    listing[id] = {std::move(*entry), container, ""};
  }
}

Result<Listing> list_members(const World& world, const std::string& group, Deadline deadline, std::stop_token stop) {
  Listing listing;
  const auto& config = world.bundle.config;
  for (const auto& target : config.inventory.targets) {
    if (target.group != group) continue;
    listing[target.id] = {target, std::nullopt, target.id.kind == "container" ? "there is no such container" : ""};
  }
  for (const auto& [name, engine] : world.engines) {
    auto containers = engine->list(deadline, stop);
    if (!containers.has_value()) return std::move(containers).error().with_context("members on engine {}", name);
    add_containers(listing, config, name, group, *containers);
  }
  return listing;
}

Member look_at(const TargetId& id, const Listed& listed, const Tools& tools, Deadline deadline, std::stop_token stop) {
  Member out;
  out.target = id.str();
  if (!listed.error.empty()) return {out.target, Answer::kFail, listed.error};
  if (listed.container && !listed.container->running())
    return {out.target, Answer::kFail, "is " + listed.container->status};
  if (listed.entry.health) {
    const CheckResult result = ask_health(*listed.entry.health, tools, deadline, std::move(stop));
    return {out.target, result.answer, result.message};
  }
  if (!listed.container) return {out.target, Answer::kUnknown, "has no health check"};
  const std::string& health = listed.container->health;
  if (health == "unhealthy" || health == "starting") return {out.target, Answer::kFail, "its own check says " + health};
  return {out.target, Answer::kPass, "is running"};
}

}  // namespace

Population ask_population(const World& world, const Tools& tools, const std::string& group, const TargetId& except,
                          Duration timeout, std::stop_token stop) {
  Population out;
  out.group = group;
  auto listing = list_members(world, group, tools.clock.deadline_in(timeout), stop);
  if (!listing.has_value()) {
    out.error = listing.error().str();
    return out;
  }
  const std::vector<std::pair<TargetId, Listed>> members(listing->begin(), listing->end());
  out.members.resize(members.size());
  const Deadline deadline = tools.clock.deadline_in(timeout);
  std::atomic<std::size_t> next{0};
  const auto ask_some = [&] {
    for (std::size_t i = next++; i < members.size(); i = next++) {
      const auto& [id, listed] = members[i];
      out.members[i] =
          id == except ? Member{id.str(), Answer::kFail, "the target"} : look_at(id, listed, tools, deadline, stop);
    }
  };
  std::vector<std::jthread> askers;
  for (std::size_t i = 1; i < std::min(kAskers, members.size()); ++i)
    askers.emplace_back(ask_some);
  ask_some();
  askers.clear();  // waits for them
  return out;
}

}  // namespace heal::remedy
