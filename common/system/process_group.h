#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "common/base/time.h"

namespace heal {

/// The processes of one run: the group of its leader, the leader's descendants, and orphans of ours that carry the
/// run's mark. The leader must not be reaped while this is used, so that its number stays its own.
class ProcessGroup {
 public:
  /// `mark`: `NAME=value` in the environment that the leader was started with.
  ProcessGroup(pid_t leader, std::string mark) : leader_(leader), mark_(std::move(mark)) {}

  /// Sends `signal` to all that live, in the group and outside of it.
  void signal_all(int signal) const;
  /// Kills all until none is left, or until the end of `patience` (some are stuck in the kernel), and reaps those that
  /// became our children. Gives how many had to be killed.
  std::size_t wipe_out(Duration patience) const;

 private:
  struct Members {
    std::vector<pid_t> living;
    std::vector<pid_t> to_reap;  ///< ended, and children of ours; never the leader
    bool is_certain = true;      ///< false while an orphan shows no environment, as in the middle of an exec
  };
  Members find_members() const;

  const pid_t leader_;
  const std::string mark_;
};

}  // namespace heal
