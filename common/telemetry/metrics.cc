#include "common/telemetry/metrics.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/telemetry/metrics_registry.h"
#include "common/telemetry/process_metrics.h"
#include "heal_version.h"

namespace heal {
namespace {

constexpr std::size_t kMaxMembers = 10'000;

bool is_label_name(std::string_view name) {
  return is_metric_name(name) && name.find(':') == std::string_view::npos && !name.starts_with("__");
}

std::vector<std::string> names_of(const std::vector<MetricLabel>& labels) {
  std::vector<std::string> names;
  names.reserve(labels.size());
  for (const auto& label : labels)
    names.push_back(label.name);
  return names;
}

// Every combination of the labels' values; none when a label's set is open.
std::vector<std::vector<std::string>> combinations(const std::vector<MetricLabel>& labels) {
  std::vector<std::vector<std::string>> all{{}};
  for (const auto& label : labels) {
    std::vector<std::vector<std::string>> longer;
    for (const auto& prefix : all) {
      for (const auto& value : label.values) {
        longer.push_back(prefix);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

MetricType type_of(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return MetricType::kCounter;
    case prometheus::MetricType::Gauge:
      return MetricType::kGauge;
    case prometheus::MetricType::Histogram:
      return MetricType::kHistogram;
    default:
      return MetricType::kUntyped;
  }
}

std::vector<ExpositionWriter::Label> labels_of(const prometheus::ClientMetric& metric) {
  std::vector<ExpositionWriter::Label> labels;
  labels.reserve(metric.label.size() + 1);
  for (const auto& label : metric.label)
    labels.emplace_back(label.name, label.value);
  return labels;
}

void write_histogram(ExpositionWriter& writer, const std::string& name, const prometheus::ClientMetric& metric) {
  auto labels = labels_of(metric);
  const auto base = labels.size();
  for (const auto& bucket : metric.histogram.bucket) {
    const std::string bound = format_sample_value(bucket.upper_bound);
    labels.resize(base);
    labels.emplace_back("le", bound);
    writer.sample(name + "_bucket", static_cast<double>(bucket.cumulative_count), labels);
  }
  labels.resize(base);
  writer.sample(name + "_sum", metric.histogram.sample_sum, labels);
  writer.sample(name + "_count", static_cast<double>(metric.histogram.sample_count), labels);
}

void write_family(ExpositionWriter& writer, const prometheus::MetricFamily& family) {
  if (family.metric.empty()) return;
  writer.family(family.name, type_of(family.type), family.help);
  for (const auto& metric : family.metric) {
    if (family.type == prometheus::MetricType::Histogram) {
      write_histogram(writer, family.name, metric);
      continue;
    }
    const double value = family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
    writer.sample(family.name, value, labels_of(metric));
  }
}

void write_build_info(ExpositionWriter& writer, const std::string& program) {
  writer.gauge(program + "_build_info", "The program's version and the revision it was built from; always 1.", 1,
               {{"version", kVersion}, {"revision", kRevision}});
}

}  // namespace

std::size_t MetricsRegistry::family(const std::string& name, const Shape& shape) {
  MutexLock lock(mutex_);
  if (const auto known = index_.find(name); known != index_.end()) {
    HEAL_CHECK(families_[known->second].shape == shape, "a metric name is registered twice with different shapes");
    return known->second;
  }
  HEAL_CHECK(is_metric_name(name), "invalid metric name");
  HEAL_CHECK(shape.help.ends_with('.') && shape.help.find('\n') == std::string::npos,
             "a HELP text is one line that ends with a full stop");
  for (const auto& label : shape.labels)
    HEAL_CHECK(is_label_name(label) && label != "le", "invalid label name");
  Family family{.name = name, .shape = shape, .native = make_native(name, shape), .members = {}};
  families_.push_back(std::move(family));
  index_.emplace(name, families_.size() - 1);
  return families_.size() - 1;
}

MetricsRegistry::Native MetricsRegistry::make_native(const std::string& name, const Shape& shape) {
  try {
    switch (shape.type) {
      case MetricType::kCounter:
        return &prometheus::BuildCounter().Name(name).Help(shape.help).Register(registry_);
      case MetricType::kHistogram:
        return &prometheus::BuildHistogram().Name(name).Help(shape.help).Register(registry_);
      default:
        return &prometheus::BuildGauge().Name(name).Help(shape.help).Register(registry_);
    }
  } catch (const std::exception& error) {
    HEAL_CHECK(false, error.what());
    std::abort();
  }
}

MetricsRegistry::Member& MetricsRegistry::find_or_add(Family& family, const std::vector<std::string>& label_values) {
  if (const auto known = family.members.find(label_values); known != family.members.end()) return known->second;
  prometheus::Labels labels;
  for (std::size_t i = 0; i < label_values.size(); ++i)
    labels[family.shape.labels[i]] = label_values[i];
  const auto& buckets = family.shape.buckets;
  auto added = std::visit(
      [&](auto* native) -> Member {
        if constexpr (std::is_same_v<decltype(native), prometheus::Family<prometheus::Histogram>*>) {
          return &native->Add(labels, buckets);
        } else {
          return &native->Add(labels);
        }
      },
      family.native);
  return family.members.emplace(label_values, added).first->second;
}

template <typename Metric>
Metric MetricsRegistry::member(std::size_t index, const std::vector<std::string>& label_values) {
  MutexLock lock(mutex_);
  auto& family = families_[index];
  HEAL_CHECK(label_values.size() == family.shape.labels.size(), "wrong number of label values");
  if (family.members.size() >= kMaxMembers && !family.members.contains(label_values)) return Metric();
  return Metric(std::get<decltype(Metric::impl_)>(find_or_add(family, label_values)));
}

void MetricsRegistry::add_collector(Metrics::Collector collect) {
  MutexLock lock(mutex_);
  collectors_.push_back(std::move(collect));
}

std::string MetricsRegistry::expose() {
  ExpositionWriter writer;
  write_build_info(writer, program_);
  write_process_metrics(writer);
  auto families = registry_.Collect();
  std::ranges::sort(families, {}, &prometheus::MetricFamily::name);
  for (auto& family : families) {
    std::ranges::sort(family.metric, {}, &prometheus::ClientMetric::label);
    write_family(writer, family);
  }
  std::vector<Metrics::Collector> collectors;
  {
    MutexLock lock(mutex_);
    collectors = collectors_;
  }
  for (const auto& collect : collectors)
    collect(writer);
  return writer.take();
}

void Counter::increment(double amount) const {
  if (impl_ != nullptr && amount > 0) impl_->Increment(amount);
}
double Counter::value() const {
  return impl_ == nullptr ? 0 : impl_->Value();
}
void Gauge::set(double value) const {
  if (impl_ != nullptr) impl_->Set(value);
}
void Gauge::add(double amount) const {
  if (impl_ != nullptr) impl_->Increment(amount);
}
double Gauge::value() const {
  return impl_ == nullptr ? 0 : impl_->Value();
}
void Histogram::observe(double value) const {
  if (impl_ != nullptr && !std::isnan(value)) impl_->Observe(value);
}

template <typename Metric>
Metric MetricFamily<Metric>::at(const std::vector<std::string>& label_values) const {
  return registry_ == nullptr ? Metric() : registry_->member<Metric>(index_, label_values);
}
template class MetricFamily<Counter>;
template class MetricFamily<Gauge>;
template class MetricFamily<Histogram>;

std::vector<double> default_duration_buckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

Metrics::Metrics(std::string program) : registry_(std::make_unique<MetricsRegistry>(std::move(program))) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help) {
  return counters(name, help, {}).at({});
}
Gauge Metrics::gauge(const std::string& name, const std::string& help) {
  return gauges(name, help, {}).at({});
}
Histogram Metrics::histogram(const std::string& name, const std::string& help, std::vector<double> buckets) {
  return histograms(name, help, {}, std::move(buckets)).at({});
}

CounterFamily Metrics::counters(const std::string& name, const std::string& help,
                                const std::vector<MetricLabel>& labels) {
  const auto index = registry_->family(name, {MetricType::kCounter, help, names_of(labels), {}});
  for (const auto& values : combinations(labels))
    (void)registry_->member<Counter>(index, values);
  return registry_->handle<Counter>(index);
}

GaugeFamily Metrics::gauges(const std::string& name, const std::string& help, const std::vector<MetricLabel>& labels) {
  const auto index = registry_->family(name, {MetricType::kGauge, help, names_of(labels), {}});
  for (const auto& values : combinations(labels))
    (void)registry_->member<Gauge>(index, values);
  return registry_->handle<Gauge>(index);
}

HistogramFamily Metrics::histograms(const std::string& name, const std::string& help,
                                    const std::vector<MetricLabel>& labels, std::vector<double> buckets) {
  const auto index = registry_->family(name, {MetricType::kHistogram, help, names_of(labels), std::move(buckets)});
  for (const auto& values : combinations(labels))
    (void)registry_->member<Histogram>(index, values);
  return registry_->handle<Histogram>(index);
}

void Metrics::add_collector(Collector collect) {
  registry_->add_collector(std::move(collect));
}

std::string Metrics::expose() {
  return registry_->expose();
}

ReloadMetrics::ReloadMetrics(Metrics& metrics, const std::string& program)
    : ReloadMetrics(metrics, program, "Whether the last attempt to load the configuration succeeded.",
                    "When the configuration was last loaded successfully, in seconds since the epoch.") {}

ReloadMetrics::ReloadMetrics(Metrics& metrics, const std::string& program, const std::string& successful_help,
                             const std::string& timestamp_help)
    : successful_(metrics.gauge(program + "_config_last_reload_successful", successful_help)),
      timestamp_(metrics.gauge(program + "_config_last_reload_success_timestamp_seconds", timestamp_help)) {}

void ReloadMetrics::succeeded(WallTime now) const {
  successful_.set(1);
  timestamp_.set(now);
}

void ReloadMetrics::failed() const {
  successful_.set(0);
}

}  // namespace heal
