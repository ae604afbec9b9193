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
#include "exporter/docker_watch_tally.h"
#include "exporter/watch_state.h"

namespace heal::exporter {

/// One container as it was last seen.
struct SeenContainer {
  ContainerInfo info;
  std::optional<ContainerStats> stats;  ///< of running containers
  std::optional<WallTime> last_log;
};

/// What the looks at an engine, and its events, showed.
struct WatchView {
  WatchState state;
  std::vector<SeenContainer> containers;          ///< of the last success; none when that is too long ago
  std::vector<ContainerInfo> unlabelled;          ///< those of `expect` without the label, as the engine lists them
  std::map<std::string, ContainerCounts> counts;  ///< by container name
};

/// Looks at one engine's labelled containers every interval and when an event tells of a change, on a thread of its
/// own: a slow engine delays no scrape. Another thread follows the events, so that what happens between two looks is
/// counted; it never waits for the engine's other answers, because dockerd drops the events of a slow reader. What
/// containers use is measured on a third one: dockerd 20.10 takes up to a second for one container's statistics.
/// Thread-safe.
class DockerWatch {
 public:
  /// `clock` must outlive this.
  DockerWatch(DockerWatchConfig config, std::unique_ptr<ContainerEngine> engine, Clock& clock, const Logger& logger);
  /// stop()s.
  ~DockerWatch();

  void start();
  void stop();

  /// Follows the events until they end or `stop` is requested, on the calling thread. What start()'s thread does; for
  /// tests, as the next two.
  Status follow_once(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  /// One look at the containers' state, on the calling thread.
  void look(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  /// One measurement of what the running containers of the last look use; several at a time.
  void measure(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  WatchView view() const HEAL_EXCLUDES(mutex_);
  const DockerWatchConfig& config() const { return config_; }

 private:
  /// What one look shows.
  struct Sight {
    std::vector<SeenContainer> containers;
    std::vector<ContainerInfo> unlabelled;
  };
  Result<Sight> see(const std::stop_token& stop);
  Result<std::optional<SeenContainer>> see_one(const std::string& id, const std::stop_token& stop);
  void measure_one(const std::string& id, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  std::optional<WallTime> last_log_of(const ContainerInfo& info, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  std::optional<SeenContainer> last_seen(const std::string& id) const HEAL_EXCLUDES(mutex_);
  void keep_following(const std::stop_token& stop);
  void keep_looking(const std::stop_token& stop);
  void keep_measuring(const std::stop_token& stop);
  void take(const ContainerEvent& event) HEAL_EXCLUDES(mutex_);
  /// Lets the thread that looks do so at once.
  void nudge() HEAL_EXCLUDES(mutex_);
  void sleep_unless_nudged(SteadyTime until, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  SteadyTime next_turn(SteadyTime last, Duration interval);
  /// When a look began.
  struct Begun {
    SteadyTime steady{};
    WallTime wall{};
  };
  void note_success(Sight sight, const Begun& begun) HEAL_EXCLUDES(mutex_);
  void note_failure(const Error& error, Duration took) HEAL_EXCLUDES(mutex_);

  const DockerWatchConfig config_;
  const std::unique_ptr<ContainerEngine> engine_;
  Clock& clock_;
  const Logger logger_;

  mutable Mutex mutex_;
  WatchView view_ HEAL_GUARDED_BY(mutex_);
  DockerTally tally_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, ContainerStats> usage_ HEAL_GUARDED_BY(mutex_);  // by id
  SteadyTime seen_at_ HEAL_GUARDED_BY(mutex_){};                         // the begin of the last look that succeeded
  std::stop_source nudge_ HEAL_GUARDED_BY(mutex_);
  bool is_nudged_ HEAL_GUARDED_BY(mutex_) = false;
  std::jthread following_, looking_, measuring_;
};

/// Writes the heal_container_* families of all engines.
void write_containers(const std::vector<std::shared_ptr<DockerWatch>>& watches, ExpositionWriter& out);

}  // namespace heal::exporter
