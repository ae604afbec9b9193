#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/port/clock.h"
#include "common/port/random.h"
#include "common/probe/engine.h"
#include "common/telemetry/metrics.h"
#include "exporter/config.h"
#include "exporter/probe_series.h"
#include "exporter/schedule.h"

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
  };
  /// `previous`: the scheduler that this one replaces, for the counts of the series that stay; or nullptr.
  ProbeScheduler(Context context, const ExporterConfig& config, const ProbeScheduler* previous);
  /// stop()s.
  ~ProbeScheduler();

  void start();
  /// No run begins any more; those that are under way end by themselves.
  void stop();

  /// Begins all runs that are due now. What start()'s thread does; for tests.
  void run_due();
  /// The moment of the next run.
  std::optional<SteadyTime> next() const { return schedule_.next(); }
  const std::vector<std::shared_ptr<ProbeSeries>>& series() const { return series_; }

 private:
  struct Job {
    std::shared_ptr<ProbeSeries> series;
    probe::ProbeRequest request;
    Duration timeout{};
  };
  void begin(const Job& job);

  Context context_;
  std::vector<std::shared_ptr<ProbeSeries>> series_;
  std::vector<Job> jobs_;
  Schedule schedule_;  // of the thread alone once start() was called
  std::jthread thread_;
};

}  // namespace heal::exporter
