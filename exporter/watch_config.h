#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/model/regex.h"

namespace heal::exporter {

/// One entry of `watch: docker:`: an engine whose containers are looked at.
struct DockerWatchConfig {
  std::string engine;  ///< the `engine` label
  std::string unix_socket = "/var/run/docker.sock";
  Duration interval = 5s;             ///< at least 100 ms
  Duration timeout = 3s;              ///< of one request to the engine
  std::string label = "heal.enable";  ///< only containers whose label of this name is "true"
  std::vector<std::string> expect;    ///< names that count as down when there is no such container

  bool operator==(const DockerWatchConfig&) const = default;
};

/// Whether processes in containers are meant too.
enum class InContainers { kExclude, kInclude };

/// One entry of `watch: processes:`: which processes are meant. Of the conditions all that are given must hold; at
/// least one is.
struct ProcessMatcher {
  std::string process;           ///< the `process` label
  std::string name;              ///< as the kernel has it: its first 15 bytes count; "": any
  std::string exe;               ///< absolute path of the program; "": any
  std::optional<Regex> cmdline;  ///< found anywhere in the arguments, joined by spaces
  std::string pid_file;          ///< absolute path of a file with its pid; "": none
  InContainers in_containers = InContainers::kExclude;

  bool operator==(const ProcessMatcher&) const = default;
};

/// `watch: host:`.
struct HostWatchConfig {
  std::vector<std::string> filesystems{"/"};  ///< mount points

  bool operator==(const HostWatchConfig&) const = default;
};

/// `watch:`.
struct WatchConfig {
  std::vector<DockerWatchConfig> docker;
  Duration interval = 5s;      ///< of what follows; at least 100 ms
  std::string proc = "/proc";  ///< the proc file system to read
  std::string bus = "/run/dbus/system_bus_socket";
  std::vector<ProcessMatcher> processes;
  std::vector<std::string> units;  ///< of systemd
  std::optional<HostWatchConfig> host;

  bool operator==(const WatchConfig&) const = default;
};

/// Reads the value of `watch:`.
void read_watch(const config::Value& value, WatchConfig& watch);
/// `watch:` as YAML with everything in force; "" when nothing is watched.
std::string watch_yaml(const WatchConfig& watch);

}  // namespace heal::exporter
