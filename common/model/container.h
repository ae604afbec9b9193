#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

/// What a container may use at most, as it was configured; nullopt: no limit. In a change: nullopt leaves it as it is.
struct ContainerLimits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_swap_bytes;  ///< memory and swap together; -1: swap without a limit
  /// CPUs as a whole, or as a quota within a period: an engine takes either, not both.
  std::optional<std::int64_t> nano_cpus;
  std::optional<std::int64_t> cpu_quota_us;  ///< -1: no limit
  std::optional<std::int64_t> cpu_period_us;
  std::optional<std::int64_t> pids;  ///< -1: no limit

  bool operator==(const ContainerLimits&) const = default;
};

/// What docker.recreate appends to the name of two containers while the new one takes the old one's place. None of such
/// a name belongs to an inventory by its labels, which it shares with the other.
inline constexpr std::string_view kNewSuffix = ".heal-new";
inline constexpr std::string_view kOldSuffix = ".heal-old";
constexpr bool is_exchange_name(std::string_view container) {
  return container.ends_with(kNewSuffix) || container.ends_with(kOldSuffix);
}
/// Label of a container that was made in another one's place: that one's id.
inline constexpr std::string_view kReplacesLabel = "heal.replaces";

/// A container as the engine describes it (`GET /containers/{id}/json`).
struct ContainerInfo {
  std::string id;      ///< 64 hex digits
  std::string name;    ///< without the leading slash
  std::string image;   ///< as given at creation
  std::string status;  ///< created, running, paused, restarting, removing, exited, dead
  std::string health;  ///< none, starting, healthy, unhealthy
  Labels labels;
  std::int64_t pid = 0;  ///< in the host's PID namespace; 0 when not running
  std::int64_t exit_code = 0;
  bool oom_killed = false;
  std::string error;  ///< what the engine says went wrong at the last start
  std::int64_t restart_count = 0;
  std::string restart_policy;  ///< no, always, unless-stopped, on-failure
  bool auto_remove = false;    ///< the engine removes it when it ends (`--rm`)
  std::optional<WallTime> created_at, started_at, finished_at;
  std::string network_mode;
  /// Network name → endpoint settings, an opaque JSON object for reconnecting.
  std::map<std::string, std::string> networks;
  std::optional<std::int64_t> memory_limit_bytes;
  ContainerLimits limits;  ///< the same memory limit among them

  bool running() const { return status == "running"; }
  bool operator==(const ContainerInfo&) const = default;
};

/// One sample of what a container uses (`GET /containers/{id}/stats?stream=false&one-shot=true`).
struct ContainerStats {
  double cpu_seconds_total = 0;
  std::uint64_t memory_bytes = 0;        ///< working set: usage less inactive file cache
  std::uint64_t memory_limit_bytes = 0;  ///< the host's memory when there is no limit
  std::uint64_t pids = 0;

  bool operator==(const ContainerStats&) const = default;
};

/// One event of the engine's stream (`GET /events`).
struct ContainerEvent {
  WallTime at{};
  std::string action;  ///< die, oom, kill, start, stop, pause, unpause, destroy, health_status: unhealthy …
  std::string id, name, image;
  Labels attributes;  ///< everything else that came with it, exitCode and signal included

  bool operator==(const ContainerEvent&) const = default;
};

/// A short-lived container to run, for helpers and fault holders.
struct ContainerSpec {
  std::string name, image;
  std::vector<std::string> entrypoint, command;
  Labels labels;
  std::string network_mode = "none", pid_mode;
  std::vector<std::string> cap_add;
  std::string user;
  bool auto_remove = true;

  bool operator==(const ContainerSpec&) const = default;
};

/// A program to run inside a running container: never through a shell.
struct ExecSpec {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  ///< besides the container's own
  std::string user;                                ///< `name`, `uid` or `uid:gid`; "": the container's
  std::string working_directory;                   ///< "": the container's
  std::size_t max_output_bytes = 65536;            ///< of stdout and of stderr each; the rest is read and dropped

  bool operator==(const ExecSpec&) const = default;
};

/// How it ended.
struct ExecOutcome {
  std::int64_t exit_code = 0;  ///< 126 or 127 when it could not be started
  std::string output, errors;

  bool operator==(const ExecOutcome&) const = default;
};

}  // namespace heal
