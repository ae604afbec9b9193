#include "exporter/probe_series.h"

#include <algorithm>

namespace heal::exporter {
namespace {

using Label = ExpositionWriter::Label;

/// One series with the numbers that this page shows.
struct Row {
  std::vector<Label> labels;
  ProbeSeries::Numbers numbers;
};

/// One sample of `name` for each row that has run.
template <typename Value>
void write_family(ExpositionWriter& out, const std::vector<Row>& rows, std::string_view name, MetricType type,
                  std::string_view help, Value value) {
  out.family(name, type, help);
  for (const Row& row : rows) {
    if (row.numbers.runs() > 0) out.sample(name, value(row.numbers), row.labels);
  }
}

std::vector<Label> with(std::vector<Label> labels, Label extra) {
  labels.push_back(extra);
  return labels;
}

void write_runs(ExpositionWriter& out, const std::vector<Row>& rows) {
  out.family("heal_probe_runs_total", MetricType::kCounter, "Finished runs of a scheduled probe, by result.");
  for (const Row& row : rows) {
    out.sample("heal_probe_runs_total", static_cast<double>(row.numbers.successes),
               with(row.labels, {"result", "success"}));
    out.sample("heal_probe_runs_total", static_cast<double>(row.numbers.failures),
               with(row.labels, {"result", "failure"}));
  }
  out.family("heal_probe_failures_total", MetricType::kCounter, "Failed runs of a scheduled probe, by reason.");
  for (const Row& row : rows) {
    for (const auto& [reason, count] : row.numbers.by_reason) {
      out.sample("heal_probe_failures_total", static_cast<double>(count), with(row.labels, {"reason", reason}));
    }
  }
  out.family("heal_probe_failure_info", MetricType::kGauge,
             "Where and why the last run of a scheduled probe failed; absent when it did not.");
  for (const Row& row : rows) {
    if (row.numbers.runs() == 0 || row.numbers.last_success) continue;
    out.sample("heal_probe_failure_info", 1,
               with(with(row.labels, {"phase", row.numbers.last_phase}), {"reason", row.numbers.last_reason}));
  }
}

void write_durations(ExpositionWriter& out, const std::vector<Row>& rows) {
  constexpr std::string_view kName = "heal_probe_duration_seconds";
  out.family(kName, MetricType::kHistogram, "How long the runs of a scheduled probe took.");
  for (const Row& row : rows) {
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

}  // namespace

ProbeSeries::ProbeSeries(const ScheduledProbe& probe, const std::string& target) : labels_(probe.labels) {
  labels_["probe"] = probe.name;
  labels_["module"] = probe.module->name;
  labels_["target"] = target;
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

void ProbeSeries::record(const ProbeResult& result, WallTime at) {
  const double seconds = to_seconds(result.duration);
  const auto bucket = static_cast<std::size_t>(
      std::lower_bound(kDurationBounds.begin(), kDurationBounds.end(), seconds) - kDurationBounds.begin());
  MutexLock lock(mutex_);
  running_ = false;
  numbers_.last_success = result.success;
  numbers_.last_duration = result.duration;
  numbers_.last_at = at;
  numbers_.last_phase = result.phase;
  numbers_.last_reason = result.reason;
  numbers_.buckets[bucket] += 1;
  numbers_.duration_sum += seconds;
  if (result.success) {
    numbers_.successes += 1;
    numbers_.consecutive_failures = 0;
  } else {
    numbers_.failures += 1;
    numbers_.consecutive_failures += 1;
    numbers_.by_reason[result.reason] += 1;
  }
}

ProbeSeries::Numbers ProbeSeries::numbers() const {
  MutexLock lock(mutex_);
  return numbers_;
}

void write_probe_series(const std::vector<std::shared_ptr<ProbeSeries>>& series, ExpositionWriter& out) {
  if (series.empty()) return;
  std::vector<Row> rows;
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
  write_runs(out, rows);
  write_durations(out, rows);
}

}  // namespace heal::exporter
