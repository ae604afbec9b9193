#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/host_reader.h"
#include "common/telemetry/exposition.h"
#include "common/telemetry/logger.h"
#include "exporter/periodic_look.h"
#include "exporter/process_search.h"
#include "exporter/watch_config.h"
#include "exporter/watch_state.h"

namespace heal::exporter {

/// What a ProcessWatch is made from.
struct ProcessWatchConfig {
  Duration interval = 5s;
  std::string proc = "/proc";
  std::vector<ProcessMatcher> matchers;

  bool operator==(const ProcessWatchConfig&) const = default;
};

/// Looks at the machine's processes every interval. The reading is done by a thread that is left to itself: what the
/// kernel tells of a process that hangs in it may never come, and nothing can end the read; stop() does not wait for
/// it. Thread-safe.
class ProcessWatch {
 public:
  /// `clock` must outlive this.
  ProcessWatch(ProcessWatchConfig config, std::shared_ptr<HostReader> reader, Clock& clock, const Logger& logger);

  void start();
  void stop() { loop_.reset(); }

  /// One look, which is waited for until `stop`. What start()'s thread does; for tests.
  void look(const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  /// Writes the heal_process_* families; gives the state of the watch.
  WatchState write(ExpositionWriter& out) const HEAL_EXCLUDES(mutex_);
  const ProcessWatchConfig& config() const { return config_; }

 private:
  using Seen = Result<std::vector<FoundProcesses>>;
  /// What the thread that reads has, for as long as it lives.
  struct Question {
    Question(std::vector<ProcessMatcher> matchers, std::shared_ptr<HostReader> reader)
        : search(std::move(matchers), std::move(reader)) {}
    ProcessSearch search;  // of that thread alone
    Mutex mutex;
    CondVar changed;
    bool is_asked HEAL_GUARDED_BY(mutex) = false;
    std::optional<Seen> answer HEAL_GUARDED_BY(mutex);
  };

  /// nullopt when `stop` came first, or when the one before has no answer yet.
  std::optional<Seen> ask(const std::stop_token& stop);
  void write_families(const std::vector<FoundProcesses>& shown, ExpositionWriter& out) const;

  const ProcessWatchConfig config_;
  Clock& clock_;
  const Logger logger_;
  const std::shared_ptr<Question> question_;

  mutable Mutex mutex_;
  WatchState state_ HEAL_GUARDED_BY(mutex_);
  std::vector<FoundProcesses> shown_ HEAL_GUARDED_BY(mutex_);  // by matcher; none before and after a failed look
  SteadyTime last_success_ HEAL_GUARDED_BY(mutex_){};
  std::optional<PeriodicLook> loop_;
};

}  // namespace heal::exporter
