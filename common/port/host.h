#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace heal {

/// A process of this machine.
struct HostProcess {
  std::int64_t pid = 0;
  std::uint64_t started = 0;  ///< ticks of the kernel's clock after boot: with the pid it names one process for good
  std::string name;           ///< as the kernel has it: at most 15 bytes
  double cpu_seconds = 0;     ///< that it has used so far
  std::uint64_t memory_bytes = 0;  ///< resident

  bool operator==(const HostProcess&) const = default;
};

/// Which processes are meant.
struct ProcessScope {
  enum class Kind {
    kContainer,  ///< of the container with this id
    kUnit,       ///< of this unit of systemd's
    kCgroup,     ///< in this folder of the cgroup file system, and below
    kName,       ///< of this name, and in no container: those are in the inventory under their own names
    kPidFile,    ///< the one whose pid the file holds, and its descendants
  };
  Kind kind = Kind::kName;
  std::string value;

  std::string str() const;  ///< `unit nginx.service`
  bool operator==(const ProcessScope&) const = default;
};

/// The machine that this process runs on. Thread-safe.
class Host {
 public:
  virtual ~Host() = default;
  /// The processes of `scope` that can be seen from here, kernel threads, process 1 and this one left out; by pid.
  /// kNotFound when there are none.
  virtual Result<std::vector<HostProcess>> processes(const ProcessScope& scope) = 0;
  /// Sends `signal` (SIGTERM, SIGKILL …) to exactly this process. kNotFound when it has ended, also when its pid was
  /// used anew; kRefused for process 1 and this one; kUnauthorized.
  virtual Status signal(const HostProcess& process, const std::string& signal) = 0;
  /// Lets the kernel forget what it can read again. What is dirty stays: to write it out first can take minutes, and
  /// nothing could end that. kUnauthorized or kNotFound where this machine does not let us.
  enum class Caches { kPageCache = 1, kSlab = 2, kAll = 3 };
  virtual Status drop_caches(Caches what) = 0;
};

}  // namespace heal
