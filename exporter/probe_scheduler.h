#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "common/port/clock.h"
#include "common/port/random.h"
#include "common/probe/engine.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "exporter/config.h"
#include "exporter/held_thread.h"
#include "exporter/history.h"
#include "exporter/probe_series.h"
#include "exporter/schedule.h"
#include "exporter/target_files.h"

namespace heal::exporter {

/// The counters of the scheduler itself; one set for the whole program.
struct SchedulerMetrics {
  explicit SchedulerMetrics(Metrics& metrics);

  Histogram lateness;        ///< begin of a run less its planned time
  Counter skipped_running;   ///< the run before had not ended
  Counter skipped_at_limit;  ///< too many probes in flight
  Counter skipped_late;      ///< the scheduler itself was held up
};

/// Runs scheduled probes: decides when, leaves the how to the engine. Thread-safe.
class ProbeScheduler {
 public:
  /// What it needs of the program; all of it must outlive the scheduler and the runs that it has begun.
  struct Context {
    probe::Engine& engine;
    Clock& clock;
    Random& random;
    const SchedulerMetrics& metrics;
    std::size_t max_in_flight = 10'000;
    History* failures = nullptr;            ///< takes the log of the first of a row of like failures
    std::function<void()> on_transition{};  ///< called on a loop thread after a target's state has changed; short
    Logger logger = Logger::none();         ///< is told of changes of state
    HeldThread::Maker make_thread{};        ///< for tests
  };
  /// One that takes the place of `previous`, or of none when that is nullptr, and is to be start()ed. kUnavailable when
  /// the host has no thread for it: then `previous` goes on; otherwise it is stopped.
  static Result<std::shared_ptr<ProbeScheduler>> create(Context context, const ExporterConfig& config,
                                                        ProbeScheduler* previous, const FoundTargets& found = {});
  /// `previous`: the stopped scheduler that this one replaces, for the counts and the times of the series that stay; or
  /// nullptr. `found`: targets of probes beside those that the configuration names.
  ProbeScheduler(Context context, const ExporterConfig& config, const ProbeScheduler* previous,
                 const FoundTargets& found = {});
  /// stop()s.
  ~ProbeScheduler();

  /// Only of one from create().
  void start();
  /// No run begins any more; those that are under way end by themselves, and none of them is confirmed any further.
  void stop();

  /// Begins all runs that are due now. What start()'s thread does; for tests.
  void run_due();
  /// The moment of the next run.
  std::optional<SteadyTime> next() const { return schedule_.next(); }
  const std::vector<std::shared_ptr<ProbeSeries>>& series() const { return series_; }
  /// Targets that were left out because one exporter schedules no more than kMostSeries.
  std::size_t dropped() const { return dropped_; }

 private:
  struct Job {
    std::shared_ptr<ProbeSeries> series;
    probe::ProbeRequest request;
    Duration timeout{};
    Hysteresis hysteresis;
    Duration interval{};
    bool details = false;
    Duration confirm_time{};  ///< of a module with `confirm`
  };
  /// The jobs of the scheduler that goes, by series.
  using Known = std::map<std::string, std::pair<const Job*, SteadyTime>, std::less<>>;
  void add_probe(const ScheduledProbe& probe, const std::vector<FoundTarget>& targets, const ExporterConfig& config,
                 const Known& known, std::vector<Schedule::Timing>& timings);
  void begin(const std::shared_ptr<const Job>& job);
  static void ended(const Job& job, const Context& context, ProbeResult result);

  const std::shared_ptr<const Context> context_;
  std::vector<std::shared_ptr<ProbeSeries>> series_;
  std::vector<std::shared_ptr<const Job>> jobs_;
  std::size_t dropped_ = 0;
  std::set<std::string, std::less<>> identities_;
  Schedule schedule_;  // of the thread alone once start() was called
  std::stop_source confirm_stop_;
  std::optional<HeldThread> thread_;
};

}  // namespace heal::exporter
