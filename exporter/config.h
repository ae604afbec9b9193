#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"
#include "common/probe/module_config.h"
#include "common/probe/target_policy.h"

namespace heal::exporter {

/// One entry of `probes:`: a module run against targets on a schedule of our own.
struct ScheduledProbe {
  std::string name;
  std::shared_ptr<const probe::Module> module;
  std::vector<std::string> targets;
  Duration interval = 15s;  ///< at least 100 ms
  Duration jitter{};        ///< each run begins up to this much later; at most half the interval
  Duration timeout{};       ///< of one run, at most 1 h; may be longer than the interval
  Labels labels;            ///< added to every series
};

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

/// A configuration file: blackbox.yml's `modules:` and our own keys.
struct ExporterConfig {
  probe::Modules modules;
  std::vector<ScheduledProbe> probes;
  std::vector<DockerWatchConfig> docker;
  std::vector<std::string> allow_targets;
  std::shared_ptr<const probe::TargetPolicy> policy = std::make_shared<const probe::TargetPolicy>();

  /// The configuration as YAML with everything in force, secrets masked.
  std::string yaml() const;
};

/// Reads `text` of `file`; nullopt when it has errors, which are all in `diagnostics`.
std::optional<ExporterConfig> parse_config(const std::string& file, const std::string& text,
                                           config::Diagnostics& diagnostics);
/// The same from a file.
std::optional<ExporterConfig> load_config(const std::string& file, config::Diagnostics& diagnostics);

}  // namespace heal::exporter
