#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/host_reader.h"
#include "common/port/unit_reader.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/docker_watch.h"
#include "exporter/host_watch.h"
#include "exporter/process_watch.h"
#include "exporter/systemd_watch.h"
#include "exporter/watch_config.h"

namespace heal::exporter {

/// What is looked at: the real thing, or a simulated one in tests.
struct WatchWorld {
  std::function<std::unique_ptr<ContainerEngine>(const DockerWatchConfig&)> make_engine;
  std::function<std::shared_ptr<HostReader>(const std::string& proc)> make_reader;
  std::function<std::unique_ptr<UnitReader>(const std::string& bus)> make_units;
};

/// Everything that `watch:` asks for. Thread-safe once started.
class Watches {
 public:
  /// None.
  Watches() = default;
  /// Those of `config`: what looks at the same as in `old` is taken over from there as it runs, the others are started.
  /// `clock` must outlive this.
  Watches(const WatchConfig& config, const Watches& old, const WatchWorld& world, Clock& clock, const Logger& logger);

  void stop() const;
  void write(ExpositionWriter& out) const;

 private:
  std::vector<std::shared_ptr<DockerWatch>> docker_;
  std::shared_ptr<ProcessWatch> processes_;
  std::shared_ptr<SystemdWatch> systemd_;
  std::shared_ptr<HostWatch> host_;
};

}  // namespace heal::exporter
