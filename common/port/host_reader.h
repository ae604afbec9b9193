#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// A process as it was when it was read.
struct SeenProcess {
  std::int64_t pid = 0;
  std::uint64_t started = 0;  ///< ticks of the kernel's clock after boot: with the pid it names one process for good
  std::string name;           ///< as the kernel has it: at most 15 bytes, any but NUL
  WallTime started_at{};
  double cpu_seconds = 0;          ///< user and system time so far
  std::uint64_t memory_bytes = 0;  ///< resident
  std::int64_t threads = 0;
  bool is_hidden = false;  ///< there is a process of this pid; nothing else may be seen of it

  bool operator==(const SeenProcess&) const = default;
};

/// What a process runs.
struct SeenProgram {
  std::optional<std::string> exe;  ///< path of the program; nullopt when it may not be seen
  std::string cmdline;             ///< arguments, joined by spaces; the first 64 KiB, any bytes but NUL
  bool is_contained = false;       ///< in a container, as far as can be seen

  bool operator==(const SeenProgram&) const = default;
};

/// Time for which work has waited for a resource, since boot.
struct Pressure {
  std::optional<double> waiting_seconds;  ///< some work
  std::optional<double> stalled_seconds;  ///< all work at once

  bool operator==(const Pressure&) const = default;
};

/// What a machine uses; counters are since boot. What the kernel does not tell is absent.
struct HostUsage {
  std::map<std::string, double, std::less<>> cpu_seconds;  ///< by mode, all CPUs together
  std::size_t cpus = 0;
  std::optional<std::array<double, 3>> load;  ///< over 1, 5 and 15 minutes
  std::optional<WallTime> booted_at;
  std::optional<std::uint64_t> forks, oom_kills;
  std::optional<std::uint64_t> memory_bytes, memory_available_bytes, swap_bytes, swap_free_bytes;
  std::map<std::string, Pressure, std::less<>> pressure;  ///< by resource: cpu, io, memory

  bool operator==(const HostUsage&) const = default;
};

/// What a file system has.
struct FilesystemUsage {
  std::uint64_t size_bytes = 0;
  std::uint64_t available_bytes = 0;        ///< to those who are not root
  std::uint64_t files = 0, files_free = 0;  ///< inodes; 0 of 0 where there are none
  bool is_read_only = false;

  bool operator==(const FilesystemUsage&) const = default;
};

/// Reads what this machine and its processes do. Thread-safe.
class HostReader {
 public:
  virtual ~HostReader() = default;

  /// All processes, by pid; those that have ended (zombies) and kernel threads left out, those that may not be seen
  /// is_hidden. An error when one cannot be read for another reason: none is left out for that.
  virtual Result<std::vector<SeenProcess>> processes(const std::stop_token& stop) = 0;
  /// kNotFound when the process has ended, kUnauthorized when nothing of it may be seen.
  virtual Result<SeenProgram> program(const SeenProcess& process) = 0;
  /// Its open file descriptors. kNotFound when it has ended, kUnauthorized when they may not be seen.
  virtual Result<std::uint64_t> open_fds(const SeenProcess& process) = 0;
  /// The pid that a file holds. kNotFound when there is no file or no pid in it, kUnauthorized when it may not be read.
  virtual Result<std::int64_t> pid_in(const std::string& pid_file) = 0;

  virtual Result<HostUsage> usage() = 0;
  /// Of what is mounted at `mount_point`; kNotFound when nothing is. Waits for as long as the file system does, for
  /// ever if need be, and nothing ends that.
  virtual Result<FilesystemUsage> filesystem(const std::string& mount_point) = 0;
};

}  // namespace heal
