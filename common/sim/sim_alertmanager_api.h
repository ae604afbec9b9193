#pragma once

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
  explicit SimAlertmanagerApi(Clock& clock) : clock_(clock) {}

  /// Holds `alert` as if a Prometheus had sent it.
  void hold(ActiveAlert alert);
  /// Forgets the alert with exactly these labels.
  void forget(const Labels& labels);
  /// How long every answer takes from now on.
  void set_delay(Duration delay);
  /// Makes every call fail with the error in `status`, until it is given success again.
  void set_status(Status status);

  /// All alerts that came through post(), in order.
  std::vector<Alert> posted();

  Result<std::optional<ActiveAlert>> find(const Labels& labels, Deadline deadline, std::stop_token stop) override;
  Status post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) override;
  Status ready(Deadline deadline, std::stop_token stop) override;

 private:
  Clock& clock_;

  Mutex mutex_;
  std::map<Labels, ActiveAlert> held_ HEAL_GUARDED_BY(mutex_);
  std::vector<Alert> posted_ HEAL_GUARDED_BY(mutex_);
  Duration delay_ HEAL_GUARDED_BY(mutex_){};
  Status status_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
