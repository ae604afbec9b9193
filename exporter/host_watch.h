#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/host_reader.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/periodic_look.h"
#include "exporter/watch_config.h"
#include "exporter/watch_state.h"

namespace heal::exporter {

/// Asks a file system for what it has, on a thread that is left to itself: of a mount whose server is gone the call
/// does not return, and nothing can end it. There is one such call at most. Thread-safe.
class MountLook {
 public:
  MountLook(std::shared_ptr<HostReader> reader, std::string mount_point)
      : state_(std::make_shared<State>(std::move(reader), std::move(mount_point))) {}

  /// Asks, unless the last question has no answer yet.
  void ask(SteadyTime now);
  /// The newest answer, and since when another one is waited for.
  struct Answer {
    std::optional<Result<FilesystemUsage>> usage;
    std::optional<SteadyTime> asking_since;
  };
  Answer answer() const;

 private:
  struct State {
    State(std::shared_ptr<HostReader> its_reader, std::string its_mount_point)
        : reader(std::move(its_reader)), mount_point(std::move(its_mount_point)) {}
    const std::shared_ptr<HostReader> reader;
    const std::string mount_point;
    mutable Mutex mutex;
    Answer answer HEAL_GUARDED_BY(mutex);
  };
  std::shared_ptr<State> state_;
};

/// Looks at what this machine uses every interval on a thread of its own; a file system that does not answer keeps
/// nobody waiting. Thread-safe.
class HostWatch {
 public:
  struct Config {
    Duration interval = 5s;
    std::string proc = "/proc";
    HostWatchConfig host;

    bool operator==(const Config&) const = default;
  };

  /// `clock` must outlive this.
  HostWatch(Config config, std::shared_ptr<HostReader> reader, Clock& clock, const Logger& logger);

  void start();
  void stop() { loop_.reset(); }

  /// One look, on the calling thread; file systems answer later. What start()'s thread does; for tests.
  void look() HEAL_EXCLUDES(mutex_);
  /// Writes the heal_host_* families; gives the state of the watch.
  WatchState write(ExpositionWriter& out) const HEAL_EXCLUDES(mutex_);
  const Config& config() const { return config_; }
  /// A file system's answers so far; for tests.
  MountLook::Answer answer_of(const std::string& mount_point) const { return mounts_.at(mount_point).answer(); }

 private:
  void write_filesystems(ExpositionWriter& out) const;

  const Config config_;
  const std::shared_ptr<HostReader> reader_;
  Clock& clock_;
  const Logger logger_;
  std::map<std::string, MountLook> mounts_;

  mutable Mutex mutex_;
  WatchState state_ HEAL_GUARDED_BY(mutex_);
  std::optional<HostUsage> usage_ HEAL_GUARDED_BY(mutex_);
  SteadyTime last_success_ HEAL_GUARDED_BY(mutex_){};
  std::optional<PeriodicLook> loop_;
};

}  // namespace heal::exporter
