#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/time.h"
#include "common/model/probe_result.h"
#include "common/telemetry/exposition.h"
#include "exporter/config.h"

namespace heal::exporter {

/// Upper bounds of the duration histogram, in seconds.
inline constexpr std::array<double, 12> kDurationBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                        0.1,   0.25,   0.5,   1,    2.5,   10};

/// What the runs of one scheduled probe against one target have shown. Thread-safe.
class ProbeSeries {
 public:
  ProbeSeries(const ScheduledProbe& probe, const std::string& target);

  /// Same probe, module name, target and labels: a reload keeps its counts.
  const std::string& identity() const { return identity_; }

  /// Marks a run as begun; false when one is under way still.
  bool try_begin() HEAL_EXCLUDES(mutex_);
  /// Ends a run without a result.
  void forget_run() HEAL_EXCLUDES(mutex_);
  void record(const ProbeResult& result, WallTime at) HEAL_EXCLUDES(mutex_);

  /// A consistent copy of the numbers.
  struct Numbers {
    std::uint64_t successes = 0, failures = 0, consecutive_failures = 0;
    bool last_success = false;
    Duration last_duration{};
    WallTime last_at{};
    std::string last_phase, last_reason;
    std::map<std::string, std::uint64_t> by_reason;
    std::array<std::uint64_t, kDurationBounds.size() + 1> buckets{};
    double duration_sum = 0;

    std::uint64_t runs() const { return successes + failures; }
  };
  Numbers numbers() const HEAL_EXCLUDES(mutex_);
  const Labels& labels() const { return labels_; }

 private:
  Labels labels_;
  std::string identity_;
  mutable Mutex mutex_;
  bool running_ HEAL_GUARDED_BY(mutex_) = false;
  Numbers numbers_ HEAL_GUARDED_BY(mutex_);
};

/// Writes the heal_probe_* families of all `series`.
void write_probe_series(const std::vector<std::shared_ptr<ProbeSeries>>& series, ExpositionWriter& out);

}  // namespace heal::exporter
