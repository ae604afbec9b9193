#include "exporter/fast_alerts.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/base/url.h"

namespace heal::exporter {
namespace {

constexpr std::size_t kMostPerPost = 500;
constexpr std::size_t kMostAnnotationBytes = 4096;

}  // namespace

FastAlertMetrics::FastAlertMetrics(Metrics& metrics)
    : sent(metrics.counters("heal_fast_alerts_sent_total", "Alerts that an Alertmanager took, refreshes included.",
                            {{"alertmanager", {}}})),
      failed(metrics.counters("heal_fast_alerts_failed_total",
                              "Alerts that an Alertmanager did not take; they are sent again.",
                              {{"alertmanager", {}}})),
      up(metrics.gauges("heal_fast_alerts_alertmanager_up", "1 when an Alertmanager's last answer was good.",
                        {{"alertmanager", {}}})) {}

FastAlerts::FastAlerts(FastAlertsConfig config, Apis apis, Clock& clock, const FastAlertMetrics& metrics,
                       const Logger& logger, FastAlerts* previous)
    : config_(std::move(config)), clock_(clock), logger_(logger.component("fast_alerts")) {
  for (std::size_t i = 0; i < apis.size(); ++i) {
    const std::string& url = config_.alertmanagers[i].url;
    recipients_.push_back(std::make_unique<Recipient>(
        Recipient{std::move(apis[i]), url, metrics.sent.at({url}), metrics.failed.at({url}), metrics.up}));
  }
  std::map<Labels, Record> records;
  if (previous != nullptr) {
    MutexLock lock(previous->mutex_);
    for (auto& [labels, record] : previous->records_) {
      if (record.is_firing || record.ended_at) records.emplace(labels, std::move(record));
    }
  }
  {
    MutexLock lock(sleep_mutex_);
    sleepers_.resize(recipients_.size());
  }
  MutexLock lock(mutex_);
  records_ = std::move(records);
  for (auto& [labels, record] : records_) {
    record.series.clear();
    record.rule = nullptr;
    record.changed = ++changes_;
  }
}

FastAlerts::~FastAlerts() {
  stop();
}

Labels FastAlerts::labels_of(const AlertRule& rule, const ProbeSeries& series) const {
  AlertFacts facts;
  facts.labels = series.labels();
  Labels labels = facts.labels;
  for (const auto& [name, text] : rule.labels)
    labels[name] = text.expand(facts);
  labels["alertname"] = rule.alertname;
  // To Prometheus an empty label and none are the same; Alertmanager refuses it.
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  return labels;
}

void FastAlerts::set_series(const Series& series) {
  const WallTime now = clock_.now();
  MutexLock lock(mutex_);
  for (auto& [labels, record] : records_)
    record.series.clear();
  bool is_any_new = false;
  for (const auto& one : series) {
    const AlertRule* rule = config_.rule_of(label_value(one->labels(), "probe"));
    if (rule == nullptr) continue;
    const auto [place, is_new] = records_.try_emplace(labels_of(*rule, *one));
    is_any_new = is_any_new || is_new;
    place->second.series.push_back(one);
    place->second.rule = rule;
  }
  if (is_any_new) ++generation_;
  for (auto& [labels, record] : records_) {
    if (record.series.empty() && record.is_firing) end(record, now);
  }
  forget_ended(now);
}

void FastAlerts::end(Record& record, WallTime now) {
  record.is_firing = false;
  record.ended_at = std::max(now, record.starts_at);
  record.changed = ++changes_;
}

void FastAlerts::forget_ended(WallTime now) {
  std::vector<std::pair<WallTime, const Labels*>> removed;
  for (auto it = records_.begin(); it != records_.end();) {
    Record& record = it->second;
    if (record.ended_at && now - *record.ended_at > kEndedKept) record.ended_at.reset();
    const bool is_over = record.series.empty() && !record.is_firing && !record.ended_at;
    if (record.series.empty() && record.ended_at) removed.emplace_back(*record.ended_at, &it->first);
    it = is_over ? records_.erase(it) : std::next(it);
  }
  if (removed.size() <= kMostEnded) return;
  std::sort(removed.begin(), removed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i + kMostEnded < removed.size(); ++i)
    records_.erase(records_.find(*removed[i].second));
}

void FastAlerts::compare(WallTime now) {
  for (auto& [labels, record] : records_) {
    bool is_down = false, is_up = true;
    WallTime since = WallTime::max();
    for (const auto& series : record.series) {
      const ProbeSeries::Standing standing = series->standing();
      is_up = is_up && standing.state == ProbeState::kUp;
      if (standing.state != ProbeState::kDown) continue;
      is_down = true;
      since = std::min(since, standing.since);
    }
    if (is_down && !record.is_firing) {
      record.is_firing = true;
      // Alertmanager tells its API's clients no more than milliseconds, and its receivers all: a time that we take over
      // after a restart must be the one that they know.
      record.starts_at = std::chrono::floor<std::chrono::milliseconds>(since);
      record.ended_at.reset();
      record.changed = ++changes_;
    } else if (record.is_firing && is_up) {
      end(record, now);
    }
  }
}

bool FastAlerts::adopt(Recipient& recipient, const std::stop_token& stop) {
  std::uint64_t generation = 0;
  {
    MutexLock lock(mutex_);
    generation = generation_;
  }
  if (recipient.adopted == generation) return true;
  const auto held = recipient.api->alerts(clock_.deadline_in(config_.timeout), stop);
  if (!held.has_value()) {
    note(recipient, held.error());
    return false;
  }
  note(recipient, {});
  const WallTime now = clock_.now();
  MutexLock lock(mutex_);
  for (const ActiveAlert& active : *held)
    adopt_one(active.alert, now);
  recipient.adopted = generation;
  return true;
}

void FastAlerts::adopt_one(const Alert& held, WallTime now) {
  const auto found = records_.find(held.labels);
  if (found == records_.end()) return;  // not ours, or of a target that is gone: it expires
  Record& record = found->second;
  if (record.is_firing) {
    if (held.starts_at >= record.starts_at) return;
    record.starts_at = held.starts_at;
    record.changed = ++changes_;
    return;
  }
  if (record.ended_at) return;
  record.starts_at = held.starts_at;
  record.annotations = held.annotations;
  // Unknown ones count as down until they are seen up; those that were seen up end it at the next look.
  for (const auto& series : record.series)
    series->restore_down(held.starts_at);
  record.is_firing = true;
  record.changed = ++changes_;
  const bool is_down = std::any_of(record.series.begin(), record.series.end(),
                                   [](const auto& series) { return series->standing().state == ProbeState::kDown; });
  if (!is_down) end(record, now);
}

void FastAlerts::refresh_annotations(Record& record) {
  const auto down = std::find_if(record.series.begin(), record.series.end(),
                                 [](const auto& series) { return series->standing().state == ProbeState::kDown; });
  if (down == record.series.end() || record.rule == nullptr) return;
  const ProbeSeries::Numbers numbers = (*down)->numbers();
  if (numbers.runs() == 0 || numbers.last_success) return;  // what was told last says more
  AlertFacts facts{(*down)->labels(), numbers.last_phase, numbers.last_reason, numbers.last_message,
                   std::to_string(numbers.consecutive_failures)};
  record.annotations.clear();
  for (const auto& [name, text] : record.rule->annotations)
    record.annotations[name] = printable(text.expand(facts), kMostAnnotationBytes);
}

std::vector<Alert> FastAlerts::batch(WallTime now, std::uint64_t told, Extent extent) {
  std::vector<Alert> out;
  for (auto& [labels, record] : records_) {
    if (!record.is_firing && !record.ended_at) continue;
    if (extent == Extent::kChanges && record.changed <= told) continue;
    Alert alert;
    alert.labels = labels;
    alert.starts_at = record.starts_at;
    if (record.is_firing) {
      refresh_annotations(record);
      alert.ends_at = now + config_.refresh_interval * kLifeInIntervals;
    } else {
      // Never in the future, also after the clock was set back: Alertmanager would have it fire until then.
      alert.status = AlertStatus::kResolved;
      alert.ends_at = std::max(std::min(*record.ended_at, now), record.starts_at);
    }
    alert.annotations = record.annotations;
    if (!config_.external_url.empty())
      alert.generator_url = config_.external_url + "/?q=" + percent_encode(label_value(labels, "target"));
    out.push_back(std::move(alert));
  }
  return out;
}

Status FastAlerts::post(Recipient& recipient, const std::vector<Alert>& alerts, const std::stop_token& stop) {
  Status outcome;
  for (std::size_t i = 0; i < alerts.size(); i += kMostPerPost) {
    const std::size_t end = std::min(i + kMostPerPost, alerts.size());
    const std::vector<Alert> part(alerts.begin() + static_cast<std::ptrdiff_t>(i),
                                  alerts.begin() + static_cast<std::ptrdiff_t>(end));
    Status posted = recipient.api->post(part, clock_.deadline_in(config_.timeout), stop);
    const auto count = static_cast<double>(part.size());
    (posted.has_value() ? recipient.sent : recipient.failed).increment(count);
    if (posted.has_value()) continue;
    outcome = std::move(posted);
    // What it does not like it will not like the next time either; the rest may be good.
    if (outcome.error().code() != ErrorCode::kInvalid) break;
  }
  return outcome;
}

void FastAlerts::note(Recipient& recipient, const Status& status) {
  const bool is_up = status.has_value();
  recipient.ups.at({recipient.url}).set(is_up ? 1 : 0);
  if (is_up == !recipient.is_down) return;
  recipient.is_down = !is_up;
  if (is_up) {
    logger_.info("Alertmanager takes alerts again", {{"alertmanager", recipient.url}});
  } else {
    logger_.error("Alertmanager does not take alerts, trying again",
                  {{"alertmanager", recipient.url}, {"err", status.error()}});
  }
}

SteadyTime FastAlerts::serve(std::size_t index, const std::stop_token& stop) {
  Recipient& recipient = *recipients_[index];
  const bool is_adopted = adopt(recipient, stop);
  const SteadyTime begun = clock_.steady_now();
  const bool is_full = recipient.has_failed || !recipient.refresh_at || begun >= *recipient.refresh_at;
  std::vector<Alert> alerts;
  std::uint64_t changes = 0;
  {
    const WallTime now = clock_.now();
    MutexLock lock(mutex_);
    compare(now);
    if (is_full) forget_ended(now);
    changes = changes_;
    alerts = batch(now, recipient.told, is_full ? Extent::kAll : Extent::kChanges);
  }
  const Status posted = post(recipient, alerts, stop);
  if (!alerts.empty()) note(recipient, posted);
  const bool is_refused = !posted.has_value() && posted.error().code() == ErrorCode::kInvalid;
  recipient.has_failed = !posted.has_value() && !is_refused;
  if (!recipient.has_failed) recipient.told = changes;
  if (is_full) recipient.refresh_at = begun + config_.refresh_interval;
  if (is_adopted && !recipient.has_failed) return *recipient.refresh_at;
  return std::min(*recipient.refresh_at, clock_.steady_now() + std::min(kRetry, config_.refresh_interval));
}

void FastAlerts::start(std::vector<HeldThread> threads) {
  threads_ = std::move(threads);
  for (std::size_t i = 0; i < threads_.size(); ++i)
    threads_[i].release([this, i](const std::stop_token& stop) { run(i, stop); });
}

void FastAlerts::run(std::size_t index, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      MutexLock lock(sleep_mutex_);
      sleepers_[index].is_woken = false;
    }
    const SteadyTime when = serve(index, stop);
    std::stop_token sleeping;
    {
      MutexLock lock(sleep_mutex_);
      if (sleepers_[index].is_woken || stop.stop_requested()) continue;
      sleepers_[index].source = std::stop_source();
      sleeping = sleepers_[index].source.get_token();
    }
    clock_.sleep_until(when, sleeping);
  }
}

void FastAlerts::wake() {
  std::vector<std::stop_source> sources;
  {
    MutexLock lock(sleep_mutex_);
    for (Sleeper& sleeper : sleepers_) {
      sleeper.is_woken = true;
      sources.push_back(sleeper.source);
    }
  }
  for (std::stop_source& source : sources)
    source.request_stop();
}

void FastAlerts::stop() {
  for (HeldThread& thread : threads_)
    thread.request_stop();
  wake();
  for (HeldThread& thread : threads_)
    thread.join();
}

std::size_t FastAlerts::active() {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(records_.begin(), records_.end(), [](const auto& entry) { return entry.second.is_firing; }));
}

}  // namespace heal::exporter
