#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace heal {

/// What Prometheus calls the type of a metric family.
enum class MetricType { kCounter, kGauge, kHistogram, kSummary, kUntyped };

/// Content-Type of what ExpositionWriter writes.
inline constexpr std::string_view kExpositionContentType = "text/plain; version=0.0.4; charset=utf-8";

/// A sample's value as Go's client library spells it: shortest form that reads back the same, exponent from 1e+06 and
/// below 1e-04, `NaN`, `+Inf`, `-Inf`. Source: prometheus/common expfmt.
std::string format_sample_value(double value);

/// Writes Prometheus' text exposition format 0.0.4 into a string, fast and without a registry. Not thread-safe.
/// HELP and label values are escaped; bytes that are not UTF-8 become U+FFFD. Names are the caller's: they must be
/// valid (see is_metric_name) and a family's samples must follow its head directly.
/// Source: prometheus.io/docs/instrumenting/exposition_formats.
class ExpositionWriter {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using LabelList = std::initializer_list<Label>;

  /// The HELP (left out when empty) and TYPE lines of a family.
  void family(std::string_view name, MetricType type, std::string_view help);
  /// One sample line.
  void sample(std::string_view name, double value, std::span<const Label> labels);
  void sample(std::string_view name, double value, LabelList labels = {}) {
    sample(name, value, std::span<const Label>(labels.begin(), labels.size()));
  }
  /// A family of one sample.
  void gauge(std::string_view name, std::string_view help, double value, LabelList labels = {});
  void counter(std::string_view name, std::string_view help, double value, LabelList labels = {});

  /// What was written so far.
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// True for `[a-zA-Z_:][a-zA-Z0-9_:]*`.
bool is_metric_name(std::string_view name);

}  // namespace heal
