#include "common/wire/grafana.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kFiring =
    R"({"receiver":"heal","status":"firing","orgId":1,"version":"1","groupKey":"{}:{alertname=\"HighMem\"}",
 "truncatedAlerts":0,"title":"[FIRING:1] HighMem","state":"alerting","message":"…",
 "groupLabels":{"alertname":"HighMem"},"commonLabels":{"alertname":"HighMem","zone":"z1"},"commonAnnotations":{},
 "externalURL":"http://grafana.example/",
 "alerts":[{"status":"firing","labels":{"alertname":"HighMem","zone":"z1"},"annotations":{"summary":"mem"},
  "startsAt":"2030-01-02T05:04:05.1+02:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://grafana.example/r/1",
  "fingerprint":"1111222233334444","silenceURL":"http://grafana.example/s","dashboardURL":"","panelURL":"",
  "values":{"A":93.5,"C":1},"valueString":"[ var='A' value=93.5 ]"}]})";

TEST_CASE("a notification of Grafana is read whole") {
  const auto parse = parse_grafana(kFiring);
  REQUIRE(parse.has_value());
  GrafanaParse expected;
  expected.org_id = 1;
  AlertGroup& group = expected.alerts.group;
  group.receiver = "heal";
  group.group_key = "{}:{alertname=\"HighMem\"}";
  group.group_labels = {{"alertname", "HighMem"}};
  group.common_labels = {{"alertname", "HighMem"}, {"zone", "z1"}};
  group.external_url = "http://grafana.example/";
  group.alerts = {
      {AlertStatus::kFiring,
       {{"alertname", "HighMem"}, {"zone", "z1"}},
       {{"silence_url", "http://grafana.example/s"}, {"summary", "mem"}, {"value_string", "[ var='A' value=93.5 ]"}},
       parse_rfc3339("2030-01-02T03:04:05.1Z").value().value(),
       std::nullopt,
       "http://grafana.example/r/1",
       "1111222233334444"}};
  CHECK(*parse == expected);
}

TEST_CASE("an annotation of the rule's own is not written over") {
  Json body = parse_json(kFiring).value();
  body["alerts"][0]["annotations"]["value_string"] = "mine";
  CHECK(parse_grafana(dump(body))->alerts.group.alerts[0].annotations.at("value_string") == "mine");
}

TEST_CASE("what is no notification of Grafana is refused, and a bad alert alone is rejected") {
  Json body = parse_json(kFiring).value();
  SECTION("of Alertmanager") {
    body["version"] = "4";
    CHECK(parse_grafana(dump(body)).error().str() == R"(/version: expected "1", got "4")");
  }
  SECTION("without its organisation") {
    body.erase("orgId");
    CHECK(parse_grafana(dump(body)).error().str() == "/orgId: expected a whole number, got nothing");
  }
  SECTION("an alert that cannot be read") {
    body["alerts"].push_back(body["alerts"][0]);
    body["alerts"][1]["valueString"] = 5;
    const auto parse = parse_grafana(dump(body));
    REQUIRE(parse.has_value());
    CHECK(parse->alerts.group.alerts.size() == 1);
    CHECK(parse->alerts.rejected ==
          std::vector<RejectedAlert>{
              {1, "/alerts/1/valueString", "expected a string, got number", dump(body["alerts"][1])}});
  }
}

}  // namespace
}  // namespace heal
