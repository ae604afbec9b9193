#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/config.h"

namespace heal::exporter {

/// One container as it was last seen.
struct SeenContainer {
  ContainerInfo info;
  std::optional<ContainerStats> stats;  ///< of running containers
  std::optional<WallTime> last_log;
};

/// What one look at an engine showed.
struct WatchView {
  bool engine_up = false;  ///< the last look succeeded
  std::optional<WallTime> last_success;
  Duration took{};
  std::uint64_t failures = 0;
  std::vector<SeenContainer> containers;  ///< of the last success; none when that is too long ago
};

/// Looks at one engine's labelled containers every interval, on a thread of its own: a slow engine delays no scrape.
/// What containers use is measured on another thread, because dockerd 20.10 takes up to a second for one container's
/// statistics and a death must be seen sooner than that. Thread-safe.
class DockerWatch {
 public:
  /// `clock` must outlive this.
  DockerWatch(DockerWatchConfig config, std::unique_ptr<ContainerEngine> engine, Clock& clock, const Logger& logger);
  /// stop()s.
  ~DockerWatch();

  void start();
  void stop();

  /// One look at the containers' state, on the calling thread. What start()'s thread does; for tests.
  void look(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  /// One measurement of what the running containers of the last look use; several at a time.
  void measure(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  WatchView view() const HEAL_EXCLUDES(mutex_);
  const DockerWatchConfig& config() const { return config_; }

 private:
  Result<std::vector<SeenContainer>> see(const std::stop_token& stop);
  Result<std::optional<SeenContainer>> see_one(const std::string& id, const std::stop_token& stop);
  void measure_one(const std::string& id, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  void repeat(Duration interval, const std::stop_token& stop, void (DockerWatch::*task)(const std::stop_token&));
  void note_success(std::vector<SeenContainer> containers, Duration took) HEAL_EXCLUDES(mutex_);
  void note_failure(const Error& error, Duration took) HEAL_EXCLUDES(mutex_);

  const DockerWatchConfig config_;
  const std::unique_ptr<ContainerEngine> engine_;
  Clock& clock_;
  const Logger logger_;

  mutable Mutex mutex_;
  WatchView view_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, ContainerStats> usage_ HEAL_GUARDED_BY(mutex_);  // by id
  SteadyTime last_success_ HEAL_GUARDED_BY(mutex_){};
  std::jthread looking_, measuring_;
};

/// Writes the heal_container_* and heal_watch_* families of all engines.
void write_watches(const std::vector<std::shared_ptr<DockerWatch>>& watches, ExpositionWriter& out);

}  // namespace heal::exporter
