#pragma once

#include <vector>

#include "common/model/container.h"

namespace heal {

/// The containers of `all`, as a list shows them, that live in the network of `owner` without being it: by
/// `network_mode: container:…` with its id, the beginning of it, or its name, or by way of others. Those that have no
/// process (created, exited, dead) are in no network.
std::vector<ContainerInfo> others_in_network_of(const ContainerInfo& owner, const std::vector<ContainerInfo>& all);

}  // namespace heal
