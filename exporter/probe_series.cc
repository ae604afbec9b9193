#include "exporter/probe_series.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.h"
#include "common/probe/run.h"

namespace heal::exporter {
namespace {

using Label = ExpositionWriter::Label;

constexpr std::size_t kMostMessageBytes = 200;
/// Of a label that the prober made, which may be what the target says: Prometheus refuses a whole page for one label
/// that is longer than its limit.
constexpr std::size_t kMostDetailBytes = 1024;

/// One series with the numbers that this page shows.
struct SeriesRow {
  std::vector<Label> labels;
  ProbeSeries::Numbers numbers;
};

/// One sample of `name` for each row that has run.
template <typename Value>
void write_family(ExpositionWriter& out, const std::vector<SeriesRow>& rows, std::string_view name, MetricType type,
                  std::string_view help, Value value) {
  out.family(name, type, help);
  for (const SeriesRow& row : rows) {
    if (row.numbers.runs() > 0) out.sample(name, value(row.numbers), row.labels);
  }
}

std::vector<Label> with(std::vector<Label> labels, Label extra) {
  labels.push_back(extra);
  return labels;
}

void write_runs(ExpositionWriter& out, const std::vector<SeriesRow>& rows) {
  out.family("heal_probe_runs_total", MetricType::kCounter, "Finished runs of a scheduled probe, by result.");
  for (const SeriesRow& row : rows) {
    out.sample("heal_probe_runs_total", static_cast<double>(row.numbers.successes),
               with(row.labels, {"result", "success"}));
    out.sample("heal_probe_runs_total", static_cast<double>(row.numbers.failures),
               with(row.labels, {"result", "failure"}));
  }
  out.family("heal_probe_failures_total", MetricType::kCounter, "Failed runs of a scheduled probe, by reason.");
  for (const SeriesRow& row : rows) {
    for (const auto& [reason, count] : row.numbers.by_reason) {
      out.sample("heal_probe_failures_total", static_cast<double>(count), with(row.labels, {"reason", reason}));
    }
  }
  out.family("heal_probe_failure_info", MetricType::kGauge,
             "Where and why the last run of a scheduled probe failed; absent when it did not.");
  for (const SeriesRow& row : rows) {
    if (row.numbers.runs() == 0 || row.numbers.last_success) continue;
    out.sample("heal_probe_failure_info", 1,
               with(with(row.labels, {"phase", row.numbers.last_phase}), {"reason", row.numbers.last_reason}));
  }
}

/// Nothing where no module has `confirm`.
void write_confirmations(ExpositionWriter& out, const std::vector<SeriesRow>& rows) {
  const auto is_asked = [](const SeriesRow& row) { return row.numbers.last_confirmation.has_value(); };
  if (std::none_of(rows.begin(), rows.end(), is_asked)) return;
  out.family("heal_probe_confirm_attempts", MetricType::kGauge,
             "Re-probes that were begun to confirm a failure of the last run of a scheduled probe.");
  for (const SeriesRow& row : rows) {
    if (!is_asked(row)) continue;
    out.sample("heal_probe_confirm_attempts", row.numbers.last_confirmation->attempts, row.labels);
  }
  out.family("heal_probe_confirmed", MetricType::kGauge,
             "1 when the last run of a scheduled probe and its re-probes failed, 0 when one of them succeeded; absent "
             "when it failed and no re-probe could tell.");
  for (const SeriesRow& row : rows) {
    if (!is_asked(row) || !row.numbers.last_confirmation->confirmed) continue;
    out.sample("heal_probe_confirmed", *row.numbers.last_confirmation->confirmed ? 1 : 0, row.labels);
  }
}

void write_states(ExpositionWriter& out, const std::vector<SeriesRow>& rows) {
  const auto is_known = [](const SeriesRow& row) { return row.numbers.standing.state != ProbeState::kUnknown; };
  out.family(
      "heal_probe_up", MetricType::kGauge,
      "1 when a scheduled probe's target is up, 0 when it is down, as several runs say; absent when too few ran.");
  for (const SeriesRow& row : rows) {
    if (is_known(row)) out.sample("heal_probe_up", row.numbers.standing.state == ProbeState::kUp ? 1 : 0, row.labels);
  }
  out.family("heal_probe_state_since_timestamp_seconds", MetricType::kGauge,
             "Since when a scheduled probe's target is up or down.");
  for (const SeriesRow& row : rows) {
    if (!is_known(row)) continue;
    out.sample("heal_probe_state_since_timestamp_seconds", to_unix_seconds(row.numbers.standing.since), row.labels);
  }
  out.family("heal_probe_transitions_total", MetricType::kCounter,
             "How often a scheduled probe's target went up or down.");
  for (const SeriesRow& row : rows) {
    out.sample("heal_probe_transitions_total", static_cast<double>(row.numbers.went_down),
               with(row.labels, {"state", "down"}));
    out.sample("heal_probe_transitions_total", static_cast<double>(row.numbers.went_up),
               with(row.labels, {"state", "up"}));
  }
}

void write_durations(ExpositionWriter& out, const std::vector<SeriesRow>& rows) {
  constexpr std::string_view kName = "heal_probe_duration_seconds";
  out.family(kName, MetricType::kHistogram, "How long the runs of a scheduled probe took.");
  for (const SeriesRow& row : rows) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < row.numbers.buckets.size(); ++i) {
      sum += row.numbers.buckets[i];
      const std::string bound = i < kDurationBounds.size() ? format_sample_value(kDurationBounds[i]) : "+Inf";
      out.sample("heal_probe_duration_seconds_bucket", static_cast<double>(sum), with(row.labels, {"le", bound}));
    }
    out.sample("heal_probe_duration_seconds_sum", row.numbers.duration_sum, row.labels);
    out.sample("heal_probe_duration_seconds_count", static_cast<double>(row.numbers.runs()), row.labels);
  }
}

/// The probers' own families, each once for all series: the text format wants a family's samples together.
void write_details(const std::vector<std::shared_ptr<ProbeSeries>>& series, ExpositionWriter& out) {
  struct Found {
    std::string help;
    std::vector<std::pair<const Labels*, Sample>> samples;
  };
  std::map<std::string, Found> found;
  for (const auto& one : series) {
    for (SampleFamily& family : one->details()) {
      if (family.name.starts_with("heal_probe_confirm")) continue;  // shown anyway
      Found& all = found[family.name];
      all.help = std::move(family.help);
      for (Sample& sample : family.samples)
        all.samples.emplace_back(&one->labels(), std::move(sample));
    }
  }
  for (auto& [name, family] : found) {
    out.family(name, MetricType::kGauge, family.help);
    std::set<Labels> shown;
    for (auto& [own, sample] : family.samples) {
      for (auto& [label, text] : sample.labels)
        text = printable(text, kMostDetailBytes);
      // What the prober says keeps its name.
      for (const auto& [label, text] : *own)
        sample.labels.emplace(free_label(label, sample.labels), text);
      // Cut or renamed, two can be the same, and Prometheus refuses a page for that.
      const auto [labels, is_new] = shown.insert(std::move(sample.labels));
      if (is_new) out.sample(name, sample.value, std::vector<Label>(labels->begin(), labels->end()));
    }
  }
}

}  // namespace

std::string_view to_string(ProbeState state) {
  switch (state) {
    case ProbeState::kUnknown:
      return "unknown";
    case ProbeState::kUp:
      return "up";
    case ProbeState::kDown:
      return "down";
  }
  return "unknown";
}

ProbeSeries::ProbeSeries(const ScheduledProbe& probe, const std::string& target, const Labels& more) : labels_(more) {
  labels_.insert(probe.labels.begin(), probe.labels.end());
  labels_["probe"] = probe.name;
  labels_["module"] = probe.module->name;
  labels_["target"] = probe::shown_target(target);
  identity_ = format_labels(labels_);
}

bool ProbeSeries::try_begin() {
  MutexLock lock(mutex_);
  if (running_) return false;
  running_ = true;
  return true;
}

void ProbeSeries::forget_run() {
  MutexLock lock(mutex_);
  running_ = false;
}

ProbeSeries::News ProbeSeries::record(const ProbeResult& result, WallTime at, Hysteresis hysteresis, Details details) {
  const double seconds = to_seconds(result.duration);
  const auto bucket = static_cast<std::size_t>(
      std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(), seconds) - kDurationBounds.begin());
  MutexLock lock(mutex_);
  running_ = false;
  News news;
  news.is_new_failure = !result.success && (numbers_.runs() == 0 || numbers_.last_reason != result.reason);
  recent_[numbers_.runs() % kRecentRuns] = {result.success, static_cast<float>(seconds)};
  numbers_.last_success = result.success;
  numbers_.last_duration = result.duration;
  numbers_.last_at = at;
  numbers_.last_phase = result.phase;
  numbers_.last_reason = result.reason;
  numbers_.last_message = printable(to_valid_utf8(result.message), kMostMessageBytes);
  details_ = details == Details::kKept ? result.families : std::vector<SampleFamily>();
  numbers_.last_confirmation = result.confirmation;
  numbers_.buckets[bucket] += 1;
  numbers_.duration_sum += seconds;
  if (result.success) {
    numbers_.successes += 1;
    numbers_.consecutive_successes += 1;
    numbers_.consecutive_failures = 0;
  } else {
    numbers_.failures += 1;
    numbers_.consecutive_failures += 1;
    numbers_.consecutive_successes = 0;
    numbers_.by_reason[result.reason] += 1;
  }
  news.is_transition = settle(result.success, at, hysteresis);
  return news;
}

bool ProbeSeries::settle(bool success, WallTime at, Hysteresis hysteresis) {
  Standing& standing = numbers_.standing;
  const bool was_unknown = standing.state == ProbeState::kUnknown;
  if (success) {
    const bool is_enough = was_unknown || numbers_.consecutive_successes >= hysteresis.up_after;
    if (standing.state == ProbeState::kUp || !is_enough) return false;
    standing = {ProbeState::kUp, at};
    if (!was_unknown) numbers_.went_up += 1;
    return true;
  }
  if (standing.state == ProbeState::kDown || numbers_.consecutive_failures < hysteresis.down_after) return false;
  standing = {ProbeState::kDown, at};
  if (!was_unknown) numbers_.went_down += 1;
  return true;
}

void ProbeSeries::restore_down(WallTime since) {
  MutexLock lock(mutex_);
  if (numbers_.standing.state == ProbeState::kUnknown) numbers_.standing = {ProbeState::kDown, since};
}

void ProbeSeries::forget_details() {
  MutexLock lock(mutex_);
  details_.clear();
}

std::vector<SampleFamily> ProbeSeries::details() const {
  MutexLock lock(mutex_);
  return details_;
}

void ProbeSeries::set_failure_log(std::int64_t id) {
  MutexLock lock(mutex_);
  numbers_.failure_log = id;
}

ProbeSeries::Standing ProbeSeries::standing() const {
  MutexLock lock(mutex_);
  return numbers_.standing;
}

std::vector<RecentRun> ProbeSeries::recent() const {
  MutexLock lock(mutex_);
  const std::uint64_t runs = numbers_.runs();
  std::vector<RecentRun> out;
  for (std::uint64_t i = runs > kRecentRuns ? runs - kRecentRuns : 0; i < runs; ++i)
    out.push_back(recent_[i % kRecentRuns]);
  return out;
}

ProbeSeries::Numbers ProbeSeries::numbers() const {
  MutexLock lock(mutex_);
  return numbers_;
}

void write_probe_series(const std::vector<std::shared_ptr<ProbeSeries>>& series, ExpositionWriter& out) {
  if (series.empty()) return;
  std::vector<SeriesRow> rows;
  rows.reserve(series.size());
  for (const auto& one : series) {
    rows.push_back({{one->labels().begin(), one->labels().end()}, one->numbers()});
  }
  using Numbers = ProbeSeries::Numbers;
  write_family(out, rows, "heal_probe_success", MetricType::kGauge,
               "1 when the last run of a scheduled probe succeeded.",
               [](const Numbers& n) { return n.last_success ? 1.0 : 0.0; });
  write_family(out, rows, "heal_probe_last_duration_seconds", MetricType::kGauge,
               "How long the last run of a scheduled probe took.",
               [](const Numbers& n) { return to_seconds(n.last_duration); });
  write_family(out, rows, "heal_probe_last_run_timestamp_seconds", MetricType::kGauge,
               "When the last run of a scheduled probe ended.",
               [](const Numbers& n) { return to_unix_seconds(n.last_at); });
  write_family(out, rows, "heal_probe_consecutive_failures", MetricType::kGauge,
               "Failed runs of a scheduled probe since its last success.",
               [](const Numbers& n) { return static_cast<double>(n.consecutive_failures); });
  write_confirmations(out, rows);
  write_states(out, rows);
  write_runs(out, rows);
  write_durations(out, rows);
  write_details(series, out);
}

}  // namespace heal::exporter
