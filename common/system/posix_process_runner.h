#pragma once

#include <atomic>
#include <cstdint>

#include "common/port/process_runner.h"

namespace heal {

/// Runs programs with posix_spawn: a fork would cost 44 ms per GiB of our own memory. To find descendants that left the
/// process group (setsid), this process becomes the reaper of its orphaned descendants, and each program gets the
/// variable `PROMHEAL_RUN`, by which its orphans are known; one that leaves the group, loses its parent and clears its
/// environment escapes.
class PosixProcessRunner : public ProcessRunner {
 public:
  PosixProcessRunner();
  Result<ProcessOutcome> run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) override;

 private:
  Result<ProcessOutcome> run_plain(const ProcessSpec& spec, Deadline deadline, std::stop_token stop);

  std::atomic<std::uint64_t> runs_{0};
};

}  // namespace heal
