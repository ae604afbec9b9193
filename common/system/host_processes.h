#pragma once

#include <string>
#include <vector>

#include "common/port/host_processes.h"

namespace heal {

/// The helper container that reaches the host's processes when we run in a PID namespace of our own.
struct ProcessHelper {
  std::string image;  ///< has our program; "": none is used
  /// What it runs; `--pid N --container ID` is appended.
  std::vector<std::string> entrypoint = kKillHelperProgram;
};

/// Reaches processes directly where the pid that the engine gives is the container's here too, and otherwise through a
/// helper container with the host's PID namespace, CAP_KILL and nothing else. Thread-safe.
class SystemHostProcesses : public HostProcesses {
 public:
  explicit SystemHostProcesses(ProcessHelper helper) : helper_(std::move(helper)) {}

  Status kill_main_process(ContainerEngine& engine, const ContainerInfo& container, Deadline deadline,
                           std::stop_token stop) override;

 private:
  Status kill_by_helper(ContainerEngine& engine, const ContainerInfo& container, Deadline deadline,
                        const std::stop_token& stop);

  const ProcessHelper helper_;
};

/// SIGKILL to process `pid` of this PID namespace if it belongs to the container with this id (its cgroup says so).
/// What the helper runs. Errors: kConflict when it is not that container's; kUnauthorized.
Status kill_container_process(std::int64_t pid, const std::string& container_id);

/// The id of the container in which this process runs, or the beginning of one; "" when it seems to run in none. From
/// its cgroup, its mounts or its host name.
std::string own_container_id();

}  // namespace heal
