#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/port/container_engine.h"

namespace heal {

/// Reaches a container's processes from outside of it, as the kernel does when it kills one. Thread-safe.
class HostProcesses {
 public:
  virtual ~HostProcesses() = default;
  /// Sends SIGKILL to the main process of `container` (as inspected: its pid is the host's), so that the engine sees a
  /// crash and not a wish of its user: its restart policy applies. Never hits another process: whose process the pid is
  /// is checked, and a pid that was used anew is noticed. Errors: kConflict when the pid is no longer that container's;
  /// kUnreachable when neither this process nor a helper container on `engine` can reach it; ContainerEngine's.
  virtual Status kill_main_process(ContainerEngine& engine, const ContainerInfo& container, Deadline deadline,
                                   std::stop_token stop) = 0;
};

/// What such a helper container runs when nothing else is said.
inline const std::vector<std::string> kKillHelperProgram{"heal-webhook", "fault-helper", "kill"};

/// The helper container that kills process `pid` of the container with id `container_id`: the host's PID namespace,
/// CAP_KILL, no network and nothing else. Whoever filters an engine's API lets exactly this pass.
ContainerSpec kill_helper_spec(const std::string& image, const std::string& container_id, std::int64_t pid,
                               const std::vector<std::string>& program = kKillHelperProgram);

}  // namespace heal
