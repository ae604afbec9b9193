#include <utility>

#include "common/fault/broken_run.h"
#include "common/fault/kinds.h"

namespace heal::fault {
namespace {

/// The networks of the recipe that the container is not in now.
std::vector<std::string> missing_networks(const Recipe& recipe, const ContainerInfo& now) {
  std::vector<std::string> missing;
  for (const auto& [network, endpoint] : recipe.networks) {
    if (now.networks.find(network) == now.networks.end()) missing.push_back(network);
  }
  return missing;
}

/// Membership outlives a restart of the container, so the way back does not ask which run it is in.
class Partition : public Fault {
 public:
  std::string_view kind() const override { return "partition"; }
  std::string_view summary() const override { return "taken off its networks"; }

  Status check(const ContainerInfo& before) const override {
    HEAL_TRY_STATUS(check_running(before));
    return check_own_network(before);
  }
  bool breaks_network() const override { return true; }

  Status inject(const ContainerInfo& before, const Recipe& /*recipe*/, const Site& site) const override {
    for (const auto& [network, endpoint] : before.networks)
      HEAL_TRY_STATUS(site.engine.disconnect_network(before.id, network, site.deadline, site.stop));
    return {};
  }

  Status undo(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(const auto found, look_at(recipe, site));
    if (!found.info) return {};
    // One network that cannot come back must not keep the others away.
    Status first_failure;
    for (const std::string& network : missing_networks(recipe, *found.info)) {
      auto status =
          site.engine.connect_network(recipe.container, network, recipe.networks.at(network), site.deadline, site.stop);
      if (!status && first_failure) first_failure = std::move(status).with_context("network {}", network);
    }
    return first_failure;
  }

  Status verify_undone(const Recipe& recipe, const Site& site) const override {
    HEAL_TRY(const auto found, look_at(recipe, site));
    if (!found.info) return {};
    const auto missing = missing_networks(recipe, *found.info);
    if (missing.empty()) return {};
    return make_error(ErrorCode::kConflict, "container {} is still not in network {}", found.info->name, missing[0]);
  }
};

}  // namespace

std::unique_ptr<const Fault> make_partition() {
  return std::make_unique<Partition>();
}

}  // namespace heal::fault
