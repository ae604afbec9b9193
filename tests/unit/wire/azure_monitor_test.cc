#include "common/wire/azure_monitor.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/wire/at.h"

namespace heal {
namespace {

/// Made after the documentation's sample of a metric alert.
constexpr std::string_view kMetric = R"({"schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":{
 "alertId":"/subscriptions/s0/providers/Microsoft.AlertsManagement/alerts/a-1","alertRule":"cpu-high",
 "severity":"Sev2","signalType":"Metric","monitorCondition":"Fired","monitoringService":"Platform",
 "alertTargetIDs":["/subscriptions/s0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1"],
 "configurationItems":["vm1"],"originAlertId":"o-1","firedDateTime":"2030-01-02T03:04:05.1234567Z",
 "description":"","essentialsVersion":"1.0","alertContextVersion":"1.0"},
 "alertContext":{"properties":null,"conditionType":"SingleResourceMultipleMetricCriteria","condition":{"windowSize":"PT5M",
  "allOf":[{"metricName":"Percentage CPU","metricNamespace":"Microsoft.Compute/virtualMachines","operator":"GreaterThan",
   "threshold":"90","timeAggregation":"Average","dimensions":[{"name":"host","value":"h1"}],"metricValue":97.2}],
  "windowStartTime":"2030-01-02T02:59:00Z","windowEndTime":"2030-01-02T03:04:00Z"}},
 "customProperties":{"playbook":"restart-vm"}}})";

Json metric() {
  return parse_json(kMetric).value();
}

TEST_CASE("a metric alert is read whole") {
  const auto alert = parse_azure_monitor(kMetric);
  REQUIRE(alert.has_value());
  AzureAlert expected;
  expected.alert_id = "/subscriptions/s0/providers/Microsoft.AlertsManagement/alerts/a-1";
  expected.alert_rule = "cpu-high";
  expected.severity = "Sev2";
  expected.signal_type = "Metric";
  expected.monitoring_service = "Platform";
  expected.target_ids = {"/subscriptions/s0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1"};
  expected.configuration_items = {"vm1"};
  expected.fired_at = at("2030-01-02T03:04:05.1234567Z");
  expected.criteria = {{"Percentage CPU", "GreaterThan", "90", "97.2", {{"host", "h1"}}}};
  expected.custom_properties = {{"playbook", "restart-vm"}};
  CHECK(*alert == expected);
}

TEST_CASE("custom properties beside data are read too, those within data first") {
  Json body = metric();
  body["customProperties"] = {{"playbook", "other"}, {"team", "shop"}, {"deep", {{"a", {1, true, nullptr}}}}};
  const auto alert = parse_azure_monitor(dump(body));
  REQUIRE(alert.has_value());
  CHECK(alert->custom_properties ==
        Labels{{"playbook", "restart-vm"}, {"team", "shop"}, {"deep", R"({"a":[1,true,null]})"}});
}

TEST_CASE("a context of a shape that is not known is passed over") {
  for (const char* context : {"null", "7", "[]", R"({"condition":[]})", R"({"condition":{"allOf":{}}})",
                              R"({"condition":{"allOf":[1,null,[]]}})", R"({"Category":"Administrative"})"}) {
    CAPTURE(context);
    Json body = metric();
    body["data"]["alertContext"] = parse_json(context).value();
    const auto alert = parse_azure_monitor(dump(body));
    REQUIRE(alert.has_value());
    CHECK(alert->criteria.empty());
  }
}

struct RefusedAlert {
  const char* name;
  const char* pointer;
  const char* value;  // nullptr: the member is taken out
  const char* message;
};

TEST_CASE("what is no alert of the common schema is refused with its place") {
  const auto c = GENERATE(values<RefusedAlert>({
      {"another schema", "/schemaId", R"("Microsoft.Insights/activityLogs")",
       R"(/schemaId: expected "azureMonitorCommonAlertSchema", got "Microsoft.Insights/activityLogs")"},
      {"no data", "/data", nullptr, "/data: expected an object, got nothing"},
      {"no essentials", "/data/essentials", "[]", "/data/essentials: expected an object, got array"},
      {"no id", "/data/essentials/alertId", R"("")", "/data/essentials/alertId: expected a text that is not empty"},
      {"another condition", "/data/essentials/monitorCondition", R"("Closed")",
       R"(/data/essentials/monitorCondition: expected "Fired" or "Resolved", got "Closed")"},
      {"no rule", "/data/essentials/alertRule", "5", "/data/essentials/alertRule: expected a string, got number"},
      {"targets of another type", "/data/essentials/alertTargetIDs/0", "{}",
       "/data/essentials/alertTargetIDs/0: expected a string, got object"},
  }));
  CAPTURE(c.name);
  Json body = metric();
  const Json::json_pointer pointer(c.pointer);
  if (c.value == nullptr) {
    body.at(pointer.parent_pointer()).erase(pointer.back());
  } else {
    body[pointer] = parse_json(c.value).value();
  }
  const auto alert = parse_azure_monitor(dump(body));
  REQUIRE_FALSE(alert.has_value());
  CHECK(alert.error().str() == c.message);
  CHECK(alert.error().code() == ErrorCode::kInvalid);
}

TEST_CASE("an alert without a time is refused, and one that was resolved may have none of that") {
  Json body = metric();
  body["data"]["essentials"]["monitorCondition"] = "Resolved";
  CHECK(parse_azure_monitor(dump(body))->condition == AzureAlert::Condition::kResolved);
  CHECK(parse_azure_monitor(dump(body))->resolved_at == std::nullopt);
  body["data"]["essentials"]["resolvedDateTime"] = "2030-01-02T03:05:00Z";
  CHECK(parse_azure_monitor(dump(body))->resolved_at == at("2030-01-02T03:05:00Z"));
  body["data"]["essentials"].erase("firedDateTime");
  CHECK(parse_azure_monitor(dump(body)).error().str().starts_with("/data/essentials/firedDateTime: "));
}

}  // namespace
}  // namespace heal
