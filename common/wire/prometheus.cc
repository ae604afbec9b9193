#include "common/wire/prometheus.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

/// Go's strconv.FormatFloat spelling, as Prometheus writes sample values.
std::optional<double> parse_go_double(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  const bool starts_well =
      !text.empty() && (text[0] == '-' ? text.size() > 1 : true) && text.find_first_of("nN") == std::string_view::npos;
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!starts_well || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error protocol_error(std::string_view at, std::string_view what) {
  return make_error(ErrorCode::kProtocol, "Prometheus' answer: {}: {}", at, what);
}

/// Fills value and time from `[unix seconds, "value"]`.
Status parse_point(const Json& point, std::string_view at, PromSample& sample) {
  if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_string()) {
    return protocol_error(at, "expected [time, \"value\"]");
  }
  const auto& text = point[1].get_ref<const std::string&>();
  const auto value = parse_go_double(text);
  if (!value) return protocol_error(at, fmt::format("\"{}\" is not a number", printable(text)));
  sample.value = *value;
  const double seconds = point[0].get<double>();
  // Milliseconds are all that Prometheus has; a double of seconds blurs the digits beyond.
  if (std::abs(seconds) < 9e9) sample.at = WallTime(std::chrono::milliseconds(std::llround(seconds * 1000)));
  return {};
}

Result<PromSample> parse_element(const Json& element, std::string_view at) {
  PromSample sample;
  auto labels = get_optional_labels(element, "metric", at);
  if (!labels) return make_error(ErrorCode::kProtocol, "Prometheus' answer: {}", labels.error().str());
  sample.labels = std::move(*labels);
  const Json* point = find_member(element, "value");
  if (point == nullptr && find_member(element, "histogram") != nullptr) {
    return make_error(ErrorCode::kInvalid, "the expression gives a native histogram, expected numbers");
  }
  if (point == nullptr) return protocol_error(json_pointer(at, "value"), "missing");
  HEAL_TRY_STATUS(parse_point(*point, json_pointer(at, "value"), sample));
  return sample;
}

Error refusal(const Json& body) {
  const auto text = [&](std::string_view name) {
    const Json* member = find_member(body, name);
    return member != nullptr && member->is_string() ? printable(member->get_ref<const std::string&>(), 500) : "";
  };
  const auto type = text("errorType");
  const auto code = type == "timeout"                             ? ErrorCode::kTimeout
                    : type == "unavailable" || type == "internal" ? ErrorCode::kUnavailable
                    : type == "canceled"                          ? ErrorCode::kUnavailable
                                                                  : ErrorCode::kInvalid;
  return make_error(code, "Prometheus refuses the query: {}: {}", type, text("error"));
}

Result<std::vector<PromSample>> parse_vector(const Json& result) {
  if (!result.is_array()) return protocol_error("/data/result", "expected an array");
  std::vector<PromSample> samples;
  for (std::size_t i = 0; i < result.size(); ++i) {
    HEAL_TRY(auto sample, parse_element(result[i], json_pointer("/data/result", i)));
    samples.push_back(std::move(sample));
  }
  return samples;
}

Result<PromSeries> parse_series(const Json& element, std::string_view at) {
  PromSeries series;
  auto labels = get_optional_labels(element, "metric", at);
  if (!labels) return make_error(ErrorCode::kProtocol, "Prometheus' answer: {}", labels.error().str());
  series.labels = std::move(*labels);
  const Json* points = find_member(element, "values");
  if (points == nullptr || !points->is_array()) return protocol_error(json_pointer(at, "values"), "expected an array");
  for (std::size_t i = 0; i < points->size(); ++i) {
    PromSample sample;
    HEAL_TRY_STATUS(parse_point((*points)[i], json_pointer(json_pointer(at, "values"), i), sample));
    series.samples.push_back(std::move(sample));
  }
  return series;
}

/// What it answered: the type of the result and the result itself.
struct Answered {
  Json body;
  std::string type;

  const Json& result() const { return body["data"]["result"]; }
};

Result<Answered> parse_answer(std::string_view body) {
  auto json = parse_json(body);
  if (!json) return make_error(ErrorCode::kProtocol, "Prometheus' answer: {}", json.error().str());
  const auto status = get_string(*json, "status");
  if (!status) return make_error(ErrorCode::kProtocol, "Prometheus' answer: {}", status.error().str());
  if (*status == "error") return refusal(*json);
  const Json* data = find_member(*json, "data");
  const bool has_result = data != nullptr && find_member(*data, "result") != nullptr;
  auto type = data == nullptr ? Result<std::string>("") : get_string(*data, "resultType", "/data");
  if (!has_result || !type) return protocol_error("/data", "expected resultType and result");
  return Answered{std::move(*json), std::move(*type)};
}

}  // namespace

Result<std::vector<PromSample>> parse_prometheus_query(std::string_view body) {
  HEAL_TRY(const Answered answered, parse_answer(body));
  if (answered.type == "vector") return parse_vector(answered.result());
  if (answered.type == "scalar") {
    PromSample sample;
    HEAL_TRY_STATUS(parse_point(answered.result(), "/data/result", sample));
    return std::vector<PromSample>{std::move(sample)};
  }
  return make_error(ErrorCode::kInvalid, "the expression gives a {}, expected a vector or a scalar",
                    printable(answered.type));
}

Result<std::vector<PromSeries>> parse_prometheus_range(std::string_view body) {
  HEAL_TRY(const Answered answered, parse_answer(body));
  if (answered.type != "matrix")
    return make_error(ErrorCode::kInvalid, "the expression gives a {}, expected a matrix", printable(answered.type));
  if (!answered.result().is_array()) return protocol_error("/data/result", "expected an array");
  std::vector<PromSeries> out;
  for (std::size_t i = 0; i < answered.result().size(); ++i) {
    HEAL_TRY(auto series, parse_series(answered.result()[i], json_pointer("/data/result", i)));
    out.push_back(std::move(series));
  }
  return out;
}

}  // namespace heal
