#include "common/sim/sim_alertmanager_api.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/sim/wait_in.h"

namespace heal {

void SimAlertmanagerApi::hold(ActiveAlert alert) {
  MutexLock lock(mutex_);
  const Labels labels = alert.alert.labels;
  held_[labels] = std::move(alert);
}

void SimAlertmanagerApi::restart() {
  MutexLock lock(mutex_);
  held_.clear();
  started_at_ = clock_.now();
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
  return it == held_.end() ? std::optional<ActiveAlert>() : std::optional(shown(it->second));
}

Result<std::vector<ActiveAlert>> SimAlertmanagerApi::alerts(Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  MutexLock lock(mutex_);
  std::vector<ActiveAlert> out;
  for (const auto& [labels, alert] : held_)
    out.push_back(shown(alert));
  return out;
}

Result<WallTime> SimAlertmanagerApi::started_at(Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  MutexLock lock(mutex_);
  return started_at_;
}

Result<std::vector<ActiveAlert>> SimAlertmanagerApi::active(const std::vector<Matcher>& matchers, Deadline deadline,
                                                            std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  MutexLock lock(mutex_);
  std::vector<ActiveAlert> out;
  for (const auto& [labels, held] : held_) {
    const bool is_heard = shown(held).silenced_by.empty() && held.inhibited_by.empty();
    if (is_heard && all_match(matchers, labels)) out.push_back(held);
  }
  return out;
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

std::vector<std::string> SimAlertmanagerApi::silenced_by(const Labels& labels) {
  const WallTime now = clock_.now();
  std::vector<std::string> ids;
  for (const auto& [id, silence] : silences_) {
    if (silence.starts_at <= now && now < silence.ends_at && all_match(silence.matchers, labels)) ids.push_back(id);
  }
  return ids;
}

ActiveAlert SimAlertmanagerApi::shown(const ActiveAlert& held) {
  ActiveAlert out = held;
  for (std::string& id : silenced_by(held.alert.labels))
    out.silenced_by.push_back(std::move(id));
  if (!out.silenced_by.empty()) out.state = "suppressed";
  return out;
}

Result<std::vector<Silence>> SimAlertmanagerApi::silences(Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  const WallTime now = clock_.now();
  MutexLock lock(mutex_);
  std::vector<Silence> out;
  for (const auto& [id, silence] : silences_) {
    if (silence.ends_at > now) out.push_back(silence);
  }
  return out;
}

Result<std::string> SimAlertmanagerApi::silence(const Silence& silence, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  const WallTime now = clock_.now();
  const auto refuse = [](const char* why) {
    return make_error(ErrorCode::kInvalid, "Alertmanager answers 400: {}", why);
  };
  const bool hits_all = std::all_of(silence.matchers.begin(), silence.matchers.end(),
                                    [](const Matcher& matcher) { return matcher.matches({}); });
  if (hits_all) return refuse("at least one matcher must not match the empty string");
  if (silence.ends_at <= silence.starts_at || silence.ends_at <= now) return refuse("end time in the past");
  MutexLock lock(mutex_);
  Silence made = silence;
  if (made.id.empty()) {
    made.id = fmt::format("00000000-0000-0000-0000-{:012}", ++made_);
  } else if (silences_.count(made.id) == 0) {
    return make_error(ErrorCode::kNotFound, "Alertmanager answers 404: silence {} not found", made.id);
  }
  made.starts_at = std::max(made.starts_at, now);
  silences_[made.id] = made;
  return made.id;
}

Status SimAlertmanagerApi::expire_silence(const std::string& id, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  const WallTime now = clock_.now();
  MutexLock lock(mutex_);
  const auto found = silences_.find(id);
  if (found == silences_.end())
    return make_error(ErrorCode::kNotFound, "Alertmanager answers 404: silence {} not found", id);
  found->second.ends_at = std::min(found->second.ends_at, now);
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
