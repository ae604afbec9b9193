#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/telemetry/exposition.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace heal {

/// A number that only grows. A handle: cheap to copy, thread-safe, valid as long as its Metrics. A default-constructed
/// handle counts nothing.
class Counter {
 public:
  Counter() = default;
  /// Negative amounts and NaN are ignored.
  void increment(double amount = 1.0) const;
  /// 0 for a default-constructed handle.
  double value() const;

 private:
  friend class MetricsRegistry;
  explicit Counter(prometheus::Counter* impl) : impl_(impl) {}
  prometheus::Counter* impl_ = nullptr;
};

/// A number that goes up and down. A handle as Counter is.
class Gauge {
 public:
  Gauge() = default;
  void set(double value) const;
  void set(WallTime value) const { set(to_unix_seconds(value)); }
  void add(double amount) const;
  double value() const;

 private:
  friend class MetricsRegistry;
  explicit Gauge(prometheus::Gauge* impl) : impl_(impl) {}
  prometheus::Gauge* impl_ = nullptr;
};

/// A distribution in fixed buckets. A handle as Counter is.
class Histogram {
 public:
  Histogram() = default;
  void observe(double value) const;
  void observe(Duration value) const { observe(to_seconds(value)); }

 private:
  friend class MetricsRegistry;
  explicit Histogram(prometheus::Histogram* impl) : impl_(impl) {}
  prometheus::Histogram* impl_ = nullptr;
};

/// One label of a family and the values it can take: each combination exists from the start. No values: the set comes
/// from the configuration and grows by use.
struct MetricLabel {
  std::string name;
  std::vector<std::string> values;
};

class MetricsRegistry;

/// The members of a metric family, told apart by label values. A handle: cheap to copy, thread-safe.
template <typename Metric>
class MetricFamily {
 public:
  MetricFamily() = default;
  /// The member with these label values, in the order in which the labels were declared. Label values come from closed
  /// sets or from the configuration, never from requests: a family stops growing at 10 000 members and then gives a
  /// handle that does nothing. Keep the handle where it is used often.
  Metric at(const std::vector<std::string>& label_values) const;

 private:
  friend class MetricsRegistry;
  MetricFamily(MetricsRegistry* registry, std::size_t index) : registry_(registry), index_(index) {}
  MetricsRegistry* registry_ = nullptr;
  std::size_t index_ = 0;
};

using CounterFamily = MetricFamily<Counter>;
using GaugeFamily = MetricFamily<Gauge>;
using HistogramFamily = MetricFamily<Histogram>;

/// Seconds: 1 ms to 60 s.
std::vector<double> default_duration_buckets();

/// A program's metrics and the page that shows them. Thread-safe. Registering a name again with the same type, help
/// and labels gives the same metric. A bug, and aborts: a name that is taken by something else, an invalid name, a HELP
/// text that is not one line ending in a full stop.
class Metrics {
 public:
  /// `program` is the prefix of the program's own metrics, e.g. "heal_webhook": `<program>_build_info` is exposed.
  /// The standard process_* metrics are always there.
  explicit Metrics(std::string program);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter counter(const std::string& name, const std::string& help);
  Gauge gauge(const std::string& name, const std::string& help);
  Histogram histogram(const std::string& name, const std::string& help,
                      std::vector<double> buckets = default_duration_buckets());
  CounterFamily counters(const std::string& name, const std::string& help, const std::vector<MetricLabel>& labels);
  GaugeFamily gauges(const std::string& name, const std::string& help, const std::vector<MetricLabel>& labels);
  HistogramFamily histograms(const std::string& name, const std::string& help, const std::vector<MetricLabel>& labels,
                             std::vector<double> buckets = default_duration_buckets());

  /// Calls `collect` on each exposition, after the registered metrics: for values that live elsewhere or whose members
  /// come and go. It may run on several threads at once and must not call back into this object.
  using Collector = std::function<void(ExpositionWriter&)>;
  void add_collector(Collector collect);

  /// The whole page; serve it as kExpositionContentType.
  std::string expose();

 private:
  std::unique_ptr<MetricsRegistry> registry_;
};

/// `<program>_config_last_reload_successful` and `…_success_timestamp_seconds`, as every Prometheus program has them.
class ReloadMetrics {
 public:
  ReloadMetrics(Metrics& metrics, const std::string& program);
  /// With help texts of one's own: for a program that takes another's place.
  ReloadMetrics(Metrics& metrics, const std::string& program, const std::string& successful_help,
                const std::string& timestamp_help);
  void succeeded(WallTime now) const;
  void failed() const;

 private:
  Gauge successful_;
  Gauge timestamp_;
};

}  // namespace heal
