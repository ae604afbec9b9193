#pragma once

#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <prometheus/registry.h>

#include "common/base/mutex.h"
#include "common/telemetry/metrics.h"

namespace heal {

/// Metrics' inside: the families by name, over prometheus-cpp's registry. Included by metrics.cc alone.
class MetricsRegistry {
 public:
  struct Shape {
    MetricType type;
    std::string help;
    std::vector<std::string> labels;
    std::vector<double> buckets;

    bool operator==(const Shape&) const = default;
  };

  explicit MetricsRegistry(std::string program) : program_(std::move(program)) {}

  /// The index of the family, made on first use.
  std::size_t family(const std::string& name, const Shape& shape);
  template <typename Metric>
  MetricFamily<Metric> handle(std::size_t index) {
    return MetricFamily<Metric>(this, index);
  }
  template <typename Metric>
  Metric member(std::size_t index, const std::vector<std::string>& label_values);

  void add_collector(Metrics::Collector collect);
  std::string expose();
  const std::string& program() const { return program_; }

 private:
  using Native = std::variant<prometheus::Family<prometheus::Counter>*, prometheus::Family<prometheus::Gauge>*,
                              prometheus::Family<prometheus::Histogram>*>;
  using Member = std::variant<prometheus::Counter*, prometheus::Gauge*, prometheus::Histogram*>;
  struct Family {
    std::string name;
    Shape shape;
    Native native;
    std::map<std::vector<std::string>, Member> members;
  };

  Native make_native(const std::string& name, const Shape& shape) HEAL_REQUIRES(mutex_);
  Member& find_or_add(Family& family, const std::vector<std::string>& label_values) HEAL_REQUIRES(mutex_);

  const std::string program_;
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Throw};
  Mutex mutex_;
  std::deque<Family> families_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::size_t, std::less<>> index_ HEAL_GUARDED_BY(mutex_);
  std::vector<Metrics::Collector> collectors_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
