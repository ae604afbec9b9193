#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/time.h"
#include "common/model/probe_result.h"
#include "common/telemetry/exposition.h"
#include "exporter/config.h"

namespace heal::exporter {

/// What a target is held for: decided by several runs, so that one lost packet is no outage.
enum class ProbeState {
  kUnknown,  ///< too few runs have ended yet
  kUp,
  kDown,
};
std::string_view to_string(ProbeState state);

/// How many runs in a row change the state.
struct Hysteresis {
  std::uint32_t down_after = 3;  ///< failures
  std::uint32_t up_after = 2;    ///< successes, of a target that was down; the first one's success is enough
};

/// Whether the families that the prober made in the last run are kept, to be shown.
enum class Details { kNot, kKept };

/// One run as the status page draws it.
struct RecentRun {
  bool success = false;
  float seconds = 0;
};
inline constexpr std::size_t kRecentRuns = 48;

/// Upper bounds of the duration histogram, in seconds.
inline constexpr std::array<double, 12> kDurationBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                        0.1,   0.25,   0.5,   1,    2.5,   10};

/// What the runs of one scheduled probe against one target have shown. Thread-safe.
class ProbeSeries {
 public:
  /// `more`: labels that come with the target; they win over the probe's own.
  ProbeSeries(const ScheduledProbe& probe, const std::string& target, const Labels& more = {});

  /// Same probe, module name, target and labels: a reload keeps its counts.
  const std::string& identity() const { return identity_; }

  /// Marks a run as begun; false when one is under way still.
  bool try_begin() HEAL_EXCLUDES(mutex_);
  /// Ends a run without a result.
  void forget_run() HEAL_EXCLUDES(mutex_);
  /// What was new about a run.
  struct News {
    bool is_transition = false;   ///< it changed the state
    bool is_new_failure = false;  ///< it failed, and the one before did not or for another reason
  };
  News record(const ProbeResult& result, WallTime at, Hysteresis hysteresis = {}, Details details = Details::kNot)
      HEAL_EXCLUDES(mutex_);
  /// The target has been down since before this program began; does nothing when that is known better already.
  void restore_down(WallTime since) HEAL_EXCLUDES(mutex_);
  /// What the prober found in the last run, if that was kept.
  std::vector<SampleFamily> details() const HEAL_EXCLUDES(mutex_);
  void forget_details() HEAL_EXCLUDES(mutex_);
  /// Where the log of the last failure is kept.
  void set_failure_log(std::int64_t id) HEAL_EXCLUDES(mutex_);

  /// The state alone and since when: cheap.
  struct Standing {
    ProbeState state = ProbeState::kUnknown;
    WallTime since{};
  };
  Standing standing() const HEAL_EXCLUDES(mutex_);
  /// Oldest first.
  std::vector<RecentRun> recent() const HEAL_EXCLUDES(mutex_);

  /// A consistent copy of the numbers.
  struct Numbers {
    std::uint64_t successes = 0, failures = 0, consecutive_failures = 0;
    bool last_success = false;
    Duration last_duration{};
    WallTime last_at{};
    std::string last_phase, last_reason;            ///< "" when the last run succeeded
    std::string last_message;                       ///< for people
    std::optional<Confirmation> last_confirmation;  ///< of a module with `confirm`
    Standing standing;
    std::uint64_t consecutive_successes = 0;
    std::uint64_t went_up = 0, went_down = 0;  ///< changes of state; finding out the first one is none
    std::optional<std::int64_t> failure_log;
    std::map<std::string, std::uint64_t> by_reason;
    std::array<std::uint64_t, kDurationBounds.size() + 1> buckets{};
    double duration_sum = 0;

    std::uint64_t runs() const { return successes + failures; }
  };
  Numbers numbers() const HEAL_EXCLUDES(mutex_);
  const Labels& labels() const { return labels_; }

 private:
  bool settle(bool success, WallTime at, Hysteresis hysteresis) HEAL_REQUIRES(mutex_);

  Labels labels_;
  std::string identity_;
  mutable Mutex mutex_;
  bool running_ HEAL_GUARDED_BY(mutex_) = false;
  Numbers numbers_ HEAL_GUARDED_BY(mutex_);
  std::array<RecentRun, kRecentRuns> recent_ HEAL_GUARDED_BY(mutex_);
  std::vector<SampleFamily> details_ HEAL_GUARDED_BY(mutex_);
};

/// Writes the heal_probe_* families of all `series`, and what the probers found where that is to be shown.
void write_probe_series(const std::vector<std::shared_ptr<ProbeSeries>>& series, ExpositionWriter& out);

}  // namespace heal::exporter
