#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/snapshot.h"
#include "common/model/labels.h"
#include "common/port/clock.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/target_file.h"

namespace heal::exporter {

/// Files with targets, looked at again and again. A file that becomes bad or cannot be read keeps what was good last.
/// One that is gone takes its targets with it, but only when it is missing in two looks: some programs write by
/// removing first. For the same reason a change is read when the file has not changed since the look before.
/// Thread-safe; who asks what was found never waits for a disk.
class TargetFiles {
 public:
  /// Paths and globs by name of the probe that wants them.
  using Patterns = std::map<std::string, std::vector<std::string>, std::less<>>;

  /// `clock` must outlive this.
  TargetFiles(Clock& clock, const Logger& logger) : clock_(clock), logger_(logger.component("file_sd")) {}
  /// stop()s.
  ~TargetFiles();

  /// From now on these files; reads those that are new at once. For those that it knows this is no look.
  void watch(Patterns patterns) HEAL_EXCLUDES(look_mutex_);
  /// Looks every second, on a thread of its own, and calls `changed` after targets have changed; again at the next look
  /// when it fails.
  void start(std::function<Status()> changed);
  void stop();

  /// One look; true when targets changed. What start()'s thread does; for tests.
  bool look() HEAL_EXCLUDES(look_mutex_);
  FoundTargets targets() const;
  /// The heal_exporter_target_file_* families.
  void write(ExpositionWriter& out) const;

 private:
  /// What tells that a file was replaced or written: device, inode, size, times of content and of inode.
  using Stamp = std::array<std::int64_t, 5>;
  struct File {
    std::optional<Stamp> seen;  ///< in the last look
    std::optional<Stamp> read;  ///< of what was read last, good or bad
    bool was_read = false;
    bool is_good = false;
    int missing = 0;  ///< looks in a row without it
    WallTime last_good{};
    std::shared_ptr<const std::vector<FoundTarget>> targets = std::make_shared<const std::vector<FoundTarget>>();
    std::string complaint;  ///< the last, so that each is logged once
  };
  /// What is known; a look makes the next one out of a copy.
  struct State {
    Patterns patterns;
    std::map<std::string, File> files;                      // by path
    std::map<std::string, std::vector<std::string>> paths;  // by pattern, as of the last look
  };
  enum class Extent { kAll, kNew };
  /// nullopt: there is no such file.
  static Result<std::optional<Stamp>> stamp_of(const std::string& path);
  static std::vector<std::string> paths_of(const std::string& pattern, const State& state, Extent extent);
  static std::vector<std::string> wanted(const State& state);
  bool look_at_all(State& state, Extent extent) const;
  bool look_at(const std::string& path, File& file, const State& state) const;
  bool read(const std::string& path, File& file, const State& state) const;
  void fail(const std::string& path, File& file, const Error& error) const;

  Clock& clock_;
  const Logger logger_;

  Mutex look_mutex_;  // one look at a time; held over disk I/O
  Snapshot<State> state_{std::make_shared<const State>()};
  std::jthread thread_;
};

}  // namespace heal::exporter
