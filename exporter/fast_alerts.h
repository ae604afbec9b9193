#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/model/alert.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"
#include "exporter/alert_config.h"
#include "exporter/held_thread.h"
#include "exporter/probe_series.h"

namespace heal::exporter {

/// What is counted by Alertmanager; one set for the whole program.
struct FastAlertMetrics {
  explicit FastAlertMetrics(Metrics& metrics);

  CounterFamily sent, failed;  ///< alerts in posts that were taken, and that were not
  GaugeFamily up;              ///< whether the last request was answered well
};

/// Tells every Alertmanager of each target that is down, while it is down and when it is up again. What each of them
/// knows is compared with the series' state again and again, so that nothing depends on one message: what lasts is
/// posted anew every refresh interval, what ended for a quarter of an hour after (as Prometheus does), and what an
/// Alertmanager holds of ours from before our own start is taken over with its time. Nothing is resolved before its
/// target was seen up; only a target that is removed ends its alert at once. Thread-safe.
class FastAlerts {
 public:
  /// An alert that is not refreshed for so many intervals resolves by itself in Alertmanager.
  static constexpr int kLifeInIntervals = 10;
  static constexpr Duration kRetry = 5s;             ///< after a failed post, at most
  static constexpr Duration kEndedKept = 15min;      ///< how long an end is told
  static constexpr std::size_t kMostEnded = 10'000;  ///< of removed targets, the newest

  using Series = std::vector<std::shared_ptr<ProbeSeries>>;
  using Apis = std::vector<std::shared_ptr<AlertmanagerApi>>;
  /// `apis` as `config.alertmanagers`; `clock` must outlive this. `previous`: the stopped one that this replaces, whose
  /// alerts go on; or nullptr.
  FastAlerts(FastAlertsConfig config, Apis apis, Clock& clock, const FastAlertMetrics& metrics, const Logger& logger,
             FastAlerts* previous = nullptr);
  /// stop()s.
  ~FastAlerts();
  FastAlerts(const FastAlerts&) = delete;
  FastAlerts& operator=(const FastAlerts&) = delete;

  const FastAlertsConfig& config() const { return config_; }
  /// From now on these targets.
  void set_series(const Series& series) HEAL_EXCLUDES(mutex_);
  /// `threads`: one for each Alertmanager.
  void start(std::vector<HeldThread> threads);
  /// Posts nothing more: alerts that last stay until they expire, or until the program runs again.
  void stop();

  /// A state has changed: look now. Short.
  void wake() HEAL_EXCLUDES(sleep_mutex_);
  /// One look at everything and, where it is due, a post to the Alertmanager at `index`; gives when to look again. What
  /// start()'s threads do; for tests.
  SteadyTime serve(std::size_t index, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);

  std::size_t active() HEAL_EXCLUDES(mutex_);

 private:
  /// One alert: all targets whose alerts have the same labels.
  struct Record {
    std::vector<std::shared_ptr<ProbeSeries>> series;  ///< none when they were removed
    const AlertRule* rule = nullptr;                   ///< of config_; nullptr when none covers it any more
    bool is_firing = false;
    WallTime starts_at{};
    std::optional<WallTime> ended_at;  ///< was firing and is over
    Labels annotations;                ///< as posted last
    std::uint64_t changed = 0;         ///< when, on the count of changes_
  };
  /// What one Alertmanager was told. Of its own thread alone.
  struct Recipient {
    std::shared_ptr<AlertmanagerApi> api;
    std::string url;
    Counter sent, failed;
    GaugeFamily ups;            ///< of all: there is no sample of one that has not answered yet
    std::uint64_t adopted = 0;  ///< generation_ of the targets for which it was asked
    bool has_failed = false;    ///< the last post: then all is told again
    bool is_down = false;       ///< that it does not answer was logged
    std::uint64_t told = 0;     ///< changes up to here
    std::optional<SteadyTime> refresh_at{};
  };
  struct Sleeper {
    std::stop_source source;
    bool is_woken = false;
  };

  /// Asks what the Alertmanager holds of ours; true when all targets are known to it or taken over.
  bool adopt(Recipient& recipient, const std::stop_token& stop) HEAL_EXCLUDES(mutex_);
  void adopt_one(const Alert& held, WallTime now) HEAL_REQUIRES(mutex_);
  void compare(WallTime now) HEAL_REQUIRES(mutex_);
  void end(Record& record, WallTime now) HEAL_REQUIRES(mutex_);
  void forget_ended(WallTime now) HEAL_REQUIRES(mutex_);
  void refresh_annotations(Record& record) HEAL_REQUIRES(mutex_);
  enum class Extent { kAll, kChanges };
  std::vector<Alert> batch(WallTime now, std::uint64_t told, Extent extent) HEAL_REQUIRES(mutex_);
  Status post(Recipient& recipient, const std::vector<Alert>& alerts, const std::stop_token& stop);
  void note(Recipient& recipient, const Status& status);
  void run(std::size_t index, const std::stop_token& stop);
  Labels labels_of(const AlertRule& rule, const ProbeSeries& series) const;

  const FastAlertsConfig config_;
  Clock& clock_;
  const Logger logger_;
  std::vector<std::unique_ptr<Recipient>> recipients_;

  Mutex mutex_;
  std::map<Labels, Record> records_ HEAL_GUARDED_BY(mutex_);
  std::uint64_t changes_ HEAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t generation_ HEAL_GUARDED_BY(mutex_) = 1;  ///< of the set of targets
  // Apart from the rest, so that loops which wake never wait for a comparison.
  Mutex sleep_mutex_;
  std::vector<Sleeper> sleepers_ HEAL_GUARDED_BY(sleep_mutex_);  ///< as recipients_
  std::vector<HeldThread> threads_;
};

}  // namespace heal::exporter
