#include "common/wire/prometheus.h"

#include <cmath>
#include <string>

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("a vector's elements are read, special values too") {
  const auto samples = parse_prometheus_query(
      R"({"status":"success","warnings":["w"],"data":{"resultType":"vector","result":[
      {"metric":{"__name__":"up","job":"a"},"value":[1893553445.123,"1"]},{"metric":{},"value":[1,"NaN"]},
      {"metric":{},"value":[1,"+Inf"]},{"metric":{},"value":[1,"-Inf"]},{"metric":{},"value":[1,"-1.5e-07"]}]}})");
  REQUIRE(samples.has_value());
  REQUIRE(samples->size() == 5);
  CHECK(samples->at(0).labels == Labels{{"__name__", "up"}, {"job", "a"}});
  CHECK(samples->at(0).value == 1);
  CHECK(format_rfc3339(samples->at(0).at.value()) == "2030-01-02T03:04:05.123Z");
  CHECK(std::isnan(samples->at(1).value));
  CHECK(samples->at(2).value == HUGE_VAL);
  CHECK(samples->at(3).value == -HUGE_VAL);
  CHECK(samples->at(4).value == -1.5e-07);
}

TEST_CASE("a scalar gives one sample without labels, and an empty vector none") {
  const auto scalar =
      parse_prometheus_query(R"({"status":"success","data":{"resultType":"scalar","result":[1,"42"]}})");
  REQUIRE(scalar.has_value());
  CHECK(scalar->size() == 1);
  CHECK(scalar->at(0).labels.empty());
  CHECK(scalar->at(0).value == 42);
  CHECK(parse_prometheus_query(R"({"status":"success","data":{"resultType":"vector","result":[]}})")->empty());
}

TEST_CASE("a matrix's series are read, oldest sample first") {
  const auto series = parse_prometheus_range(
      R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"__name__":"ALERTS","alertname":"Down"},"values":[[1893553445,"1"],[1893553460,"1"]]}]}})");
  REQUIRE(series.has_value());
  REQUIRE(series->size() == 1);
  CHECK(series->at(0).labels == Labels{{"__name__", "ALERTS"}, {"alertname", "Down"}});
  REQUIRE(series->at(0).samples.size() == 2);
  CHECK(format_rfc3339(series->at(0).samples[1].at.value()) == "2030-01-02T03:04:20.000Z");
  CHECK(parse_prometheus_range(R"({"status":"success","data":{"resultType":"vector","result":[]}})").error().str() ==
        "the expression gives a vector, expected a matrix");
  CHECK(parse_prometheus_range(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}})")
            .error()
            .str() == "Prometheus' answer: /data/result/0/values: expected an array");
}

struct Bad {
  std::string name, body;
  ErrorCode code;
  std::string message;
};

TEST_CASE("everything else is an error that says what came") {
  const auto vector = [](const std::string& element) {
    return R"({"status":"success","data":{"resultType":"vector","result":[)" + element + "]}}";
  };
  const auto c = GENERATE_COPY(values<Bad>({
      {"refused", R"({"status":"error","errorType":"bad_data","error":"parse error"})", ErrorCode::kInvalid,
       "Prometheus refuses the query: bad_data: parse error"},
      {"timed out", R"({"status":"error","errorType":"timeout","error":"slow"})", ErrorCode::kTimeout,
       "Prometheus refuses the query: timeout: slow"},
      {"unavailable", R"({"status":"error","errorType":"unavailable","error":"starting"})", ErrorCode::kUnavailable,
       "Prometheus refuses the query: unavailable: starting"},
      {"string", R"({"status":"success","data":{"resultType":"string","result":[1,"x"]}})", ErrorCode::kInvalid,
       "the expression gives a string, expected a vector or a scalar"},
      {"range", R"({"status":"success","data":{"resultType":"matrix","result":[]}})", ErrorCode::kInvalid,
       "the expression gives a matrix, expected a vector or a scalar"},
      {"histogram", vector(R"({"metric":{},"histogram":[1,{}]})"), ErrorCode::kInvalid,
       "the expression gives a native histogram, expected numbers"},
      {"not JSON", "<html>", ErrorCode::kProtocol,
       "Prometheus' answer: not accepted as JSON at line 1, column 1 (byte 0): invalid literal; last read: '<'"},
      {"no data", R"({"status":"success"})", ErrorCode::kProtocol,
       "Prometheus' answer: /data: expected resultType and result"},
      {"value as number", vector(R"({"metric":{},"value":[1,1]})"), ErrorCode::kProtocol,
       "Prometheus' answer: /data/result/0/value: expected [time, \"value\"]"},
      {"value that is no number", vector(R"({"metric":{},"value":[1,"1x"]})"), ErrorCode::kProtocol,
       "Prometheus' answer: /data/result/0/value: \"1x\" is not a number"},
      {"no value", vector(R"({"metric":{}})"), ErrorCode::kProtocol,
       "Prometheus' answer: /data/result/0/value: missing"},
      {"bad label", vector(R"({"metric":{"a":1},"value":[1,"1"]})"), ErrorCode::kProtocol,
       "Prometheus' answer: /data/result/0/metric/a: expected a string, got number"},
  }));
  CAPTURE(c.name);
  const auto samples = parse_prometheus_query(c.body);
  REQUIRE_FALSE(samples.has_value());
  CHECK(samples.error().code() == c.code);
  CHECK(samples.error().str() == c.message);
}

}  // namespace
}  // namespace heal
