#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace heal {

/// The control groups of one container, as this process sees them: with the host's control group namespace and the
/// host's /sys/fs/cgroup. Works with version 1, 2, and both.
class ContainerGroups {
 public:
  /// Of process `pid`. kConflict when it is not one of container `container_id`; kUnauthorized when its groups are out
  /// of reach.
  static Result<ContainerGroups> of(std::int64_t pid, const std::string& container_id);

  /// Moves the calling process into those that account for CPUs, memory and processes. Calls nothing but the system.
  Status enter() const;
  /// The processes in them that have this name.
  std::vector<std::int64_t> processes_named(const std::string& name) const;

  /// Bytes in use, without what the kernel can take back at once; nullopt when it cannot be read. Likewise the limits:
  /// nullopt when there is none.
  std::optional<std::int64_t> memory_used() const;
  std::optional<std::int64_t> memory_limit() const;
  std::optional<std::int64_t> pids_used() const;
  std::optional<std::int64_t> pids_limit() const;
  bool has_cpu_limit() const;

 private:
  std::string read(const std::string& controller, const std::string& file) const;
  bool is_v2(const std::string& controller) const { return folders_.count(controller) == 0; }

  std::map<std::string, std::string> folders_;  // version 1: of each controller
  std::string unified_;                         // version 2
};

}  // namespace heal
