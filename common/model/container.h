#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

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
  std::optional<WallTime> created_at, started_at, finished_at;
  std::string network_mode;
  /// Network name → endpoint settings, an opaque JSON object for reconnecting.
  std::map<std::string, std::string> networks;
  std::optional<std::int64_t> memory_limit_bytes;

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

}  // namespace heal
