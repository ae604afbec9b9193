#include "common/sim/sim_alertmanager_api.h"

#include <algorithm>
#include <utility>

#include "common/sim/wait_in.h"

namespace heal {

void SimAlertmanagerApi::hold(ActiveAlert alert) {
  MutexLock lock(mutex_);
  const Labels labels = alert.alert.labels;
  held_[labels] = std::move(alert);
}

void SimAlertmanagerApi::forget(const Labels& labels) {
  MutexLock lock(mutex_);
  held_.erase(labels);
}

void SimAlertmanagerApi::set_delay(Duration delay) {
  MutexLock lock(mutex_);
  delay_ = delay;
}

void SimAlertmanagerApi::set_status(Status status) {
  MutexLock lock(mutex_);
  status_ = std::move(status);
}

std::vector<Alert> SimAlertmanagerApi::posted() {
  MutexLock lock(mutex_);
  return posted_;
}

Result<std::optional<ActiveAlert>> SimAlertmanagerApi::find(const Labels& labels, Deadline deadline,
                                                            std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  MutexLock lock(mutex_);
  const auto it = held_.find(labels);
  return it == held_.end() ? std::optional<ActiveAlert>() : std::optional(it->second);
}

Status SimAlertmanagerApi::post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  const WallTime now = clock_.now();
  const bool unlabelled = std::any_of(alerts.begin(), alerts.end(), [](const Alert& a) { return a.labels.empty(); });
  if (unlabelled) {
    return make_error(ErrorCode::kInvalid, "Alertmanager answers 400: at least one label pair required");
  }
  MutexLock lock(mutex_);
  for (Alert alert : alerts) {
    posted_.push_back(alert);
    if (alert.ends_at && *alert.ends_at <= now) {
      held_.erase(alert.labels);
      continue;
    }
    alert.ends_at = std::nullopt;  // while it fires, the real one shows no end either
    alert.fingerprint = fingerprint_of(alert.labels);
    const auto it = held_.find(alert.labels);
    const bool known = it != held_.end();
    if (alert.starts_at == WallTime{}) alert.starts_at = now;
    if (known) alert.starts_at = std::min(alert.starts_at, it->second.alert.starts_at);
    held_[alert.labels] = known ? ActiveAlert{alert, it->second.state, it->second.silenced_by, it->second.inhibited_by}
                                : ActiveAlert{alert, "active", {}, {}};
  }
  return {};
}

Status SimAlertmanagerApi::ready(Deadline deadline, std::stop_token stop) {
  Duration delay{};
  Status status;
  {
    MutexLock lock(mutex_);
    delay = delay_;
    status = status_;
  }
  HEAL_TRY_STATUS(wait_in(clock_, delay, deadline, std::move(stop), "Alertmanager"));
  return status;
}

}  // namespace heal
