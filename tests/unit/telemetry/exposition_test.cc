#include "common/telemetry/exposition.h"

#include <limits>

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("sample values are spelled as Go's client library spells them") {
  struct Case {
    double value;
    std::string text;
  };
  const double inf = std::numeric_limits<double>::infinity();
  const auto c = GENERATE_REF(values<Case>({{0, "0"},
                                            {1, "1"},
                                            {-1, "-1"},
                                            {0.1, "0.1"},
                                            {523504, "523504"},
                                            {999999, "999999"},
                                            {1e6, "1e+06"},
                                            {1445194, "1.445194e+06"},
                                            {1.7952303218837254e+09, "1.7952303218837254e+09"},
                                            {0.00012, "0.00012"},
                                            {0.000012, "1.2e-05"},
                                            {-123.25, "-123.25"},
                                            {1e300, "1e+300"},
                                            {100, "100"},
                                            {std::numeric_limits<double>::quiet_NaN(), "NaN"},
                                            {inf, "+Inf"},
                                            {-inf, "-Inf"}}));
  CAPTURE(c.text);
  REQUIRE(format_sample_value(c.value) == c.text);
}

TEST_CASE("families, labels and hostile text keep the format intact") {
  ExpositionWriter writer;
  writer.gauge("probe_success", "Displays whether\nthe probe \\ was a \"success\".", 1);
  writer.family("probe_http_duration_seconds", MetricType::kGauge, "");
  writer.sample("probe_http_duration_seconds", 0.25, {{"phase", "a\"b\\c\nd\xFF"}, {"x", ""}});
  writer.counter("n_total", "N.", 3, {{"a", "b"}});
  REQUIRE(writer.text() ==
          "# HELP probe_success Displays whether\\nthe probe \\\\ was a \"success\".\n"
          "# TYPE probe_success gauge\n"
          "probe_success 1\n"
          "# TYPE probe_http_duration_seconds gauge\n"
          "probe_http_duration_seconds{phase=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\",x=\"\"} 0.25\n"
          "# HELP n_total N.\n"
          "# TYPE n_total counter\n"
          "n_total{a=\"b\"} 3\n");
}

TEST_CASE("metric names follow Prometheus' grammar") {
  REQUIRE(is_metric_name("a:b_c9"));
  REQUIRE_FALSE(is_metric_name(""));
  REQUIRE_FALSE(is_metric_name("9a"));
  REQUIRE_FALSE(is_metric_name("a-b"));
}

}  // namespace
}  // namespace heal
