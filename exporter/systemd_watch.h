#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/unit_reader.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/periodic_look.h"
#include "exporter/watch_state.h"

namespace heal::exporter {

/// Looks at units of systemd's every interval on a thread of its own. Where there is no systemd it says so, and goes on
/// asking. Thread-safe.
class SystemdWatch {
 public:
  struct Config {
    Duration interval = 5s;
    std::string bus;
    std::vector<std::string> units;

    bool operator==(const Config&) const = default;
  };
  /// Of one look at all units.
  static constexpr Duration kTimeout = 3s;

  /// `clock` must outlive this.
  SystemdWatch(Config config, std::unique_ptr<UnitReader> reader, Clock& clock, const Logger& logger);

  void start();
  void stop() { loop_.reset(); }

  /// One look, on the calling thread. What start()'s thread does; for tests.
  void look(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  /// Writes the heal_unit_* families; gives the state of the watch.
  WatchState write(ExpositionWriter& out) const HEAL_EXCLUDES(mutex_);
  const Config& config() const { return config_; }

 private:
  const Config config_;
  const std::unique_ptr<UnitReader> reader_;
  Clock& clock_;
  const Logger logger_;

  mutable Mutex mutex_;
  WatchState state_ HEAL_GUARDED_BY(mutex_);
  std::vector<SeenUnit> units_ HEAL_GUARDED_BY(mutex_);  // as configured; none when they are not known
  SteadyTime last_success_ HEAL_GUARDED_BY(mutex_){};
  std::optional<PeriodicLook> loop_;
};

}  // namespace heal::exporter
