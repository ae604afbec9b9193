#pragma once

#include <string_view>

namespace heal {

/// A ContainerSpec::pid_mode: the host's processes, and the host's control groups (their namespace, and /sys/fs/cgroup
/// to be written).
inline constexpr std::string_view kHostProcessesAndGroups = "host+cgroups";

}  // namespace heal
