#pragma once

#include <stop_token>

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

}  // namespace heal
