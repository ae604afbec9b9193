#include "common/model/network_sharing.h"

#include <set>
#include <string>
#include <string_view>

namespace heal {
namespace {

constexpr std::string_view kOfContainer = "container:";
constexpr std::size_t kShortId = 12;

bool joins(const ContainerInfo& container, const ContainerInfo& owner) {
  std::string_view mode = container.network_mode;
  if (!mode.starts_with(kOfContainer)) return false;
  mode.remove_prefix(kOfContainer.size());
  return mode == owner.name || (mode.size() >= kShortId && owner.id.starts_with(mode));
}

bool has_process(const ContainerInfo& container) {
  return container.status != "exited" && container.status != "created" && container.status != "dead";
}

}  // namespace

std::vector<ContainerInfo> others_in_network_of(const ContainerInfo& owner, const std::vector<ContainerInfo>& all) {
  std::vector<ContainerInfo> found;
  std::vector<const ContainerInfo*> owners{&owner};
  std::set<std::string> known{owner.id};
  for (std::size_t i = 0; i < owners.size(); ++i) {
    for (const ContainerInfo& each : all) {
      if (!joins(each, *owners[i]) || !known.insert(each.id).second) continue;
      // Also one that has ended: who joined it by then is still there.
      owners.push_back(&each);
      if (has_process(each)) found.push_back(each);
    }
  }
  return found;
}

}  // namespace heal
