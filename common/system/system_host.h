#pragma once

#include <string_view>

#include "common/port/host.h"

namespace heal {

/// True when `/proc/<pid>/cgroup` of a process says that it runs in a container (Docker, containerd, CRI-O, podman,
/// LXC, nspawn). `init_cgroups`: the same file of process 1; a machine that is itself a container is no container to
/// its own.
bool is_container_cgroup(std::string_view cgroups, std::string_view init_cgroups);

/// This machine, by /proc. Sees the processes of its own PID namespace and of those below.
class SystemHost : public Host {
 public:
  Result<std::vector<HostProcess>> processes(const ProcessScope& scope) override;
  Status signal(const HostProcess& process, const std::string& signal) override;
  Status drop_caches(Caches what) override;
};

}  // namespace heal
