#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/alertmanager_api.h"
#include "common/port/clock.h"

namespace heal {

/// An Alertmanager in memory: what is posted is held while it fires and gone once it has ended. Thread-safe.
class SimAlertmanagerApi : public AlertmanagerApi {
 public:
  explicit SimAlertmanagerApi(Clock& clock) : clock_(clock), started_at_(clock.now()) {}

  /// Holds `alert` as if a Prometheus had sent it.
  void hold(ActiveAlert alert);
  /// Begins anew: holds nothing, and has been up since now.
  void restart();
  /// Forgets the alert with exactly these labels.
  void forget(const Labels& labels);
  /// How long every answer takes from now on.
  void set_delay(Duration delay);
  /// Makes every call fail with the error in `status`, until it is given success again.
  void set_status(Status status);

  /// All alerts that came through post(), in order.
  std::vector<Alert> posted();

  Result<std::optional<ActiveAlert>> find(const Labels& labels, Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ActiveAlert>> alerts(Deadline deadline, std::stop_token stop) override;
  Result<WallTime> started_at(Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ActiveAlert>> active(const std::vector<Matcher>& matchers, Deadline deadline,
                                          std::stop_token stop) override;
  Status post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) override;
  Result<std::vector<Silence>> silences(Deadline deadline, std::stop_token stop) override;
  Result<std::string> silence(const Silence& silence, Deadline deadline, std::stop_token stop) override;
  Status expire_silence(const std::string& id, Deadline deadline, std::stop_token stop) override;
  Status ready(Deadline deadline, std::stop_token stop) override;

 private:
  Clock& clock_;

  Mutex mutex_;
  WallTime started_at_ HEAL_GUARDED_BY(mutex_);
  /// The ids of the silences that hold now for `labels`.
  std::vector<std::string> silenced_by(const Labels& labels) HEAL_REQUIRES(mutex_);
  ActiveAlert shown(const ActiveAlert& held) HEAL_REQUIRES(mutex_);

  std::map<Labels, ActiveAlert> held_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, Silence> silences_ HEAL_GUARDED_BY(mutex_);
  std::uint64_t made_ HEAL_GUARDED_BY(mutex_) = 0;
  std::vector<Alert> posted_ HEAL_GUARDED_BY(mutex_);
  Duration delay_ HEAL_GUARDED_BY(mutex_){};
  Status status_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
