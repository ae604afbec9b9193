#include "common/wire/alertmanager.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/wire/at.h"

namespace heal {
namespace {

/// As Alertmanager 0.34 sends it; older ones lack notification_reason and routeLabels.
constexpr std::string_view kNotification =
    R"({"version":"4","groupKey":"{}/{team=\"shop\"}:{alertname=\"CartDown\"}","truncatedAlerts":2,
 "status":"firing","receiver":"heal\\.shop","notification_reason":"some alerts resolved",
 "groupLabels":{"alertname":"CartDown"},"commonLabels":{"alertname":"CartDown","job":"cart"},
 "commonAnnotations":{"a":"b"},"externalURL":"http://am.example:9093","routeLabels":{},
 "alerts":[
  {"status":"firing","labels":{"alertname":"CartDown","job":"cart","instance":"cart-1:8080"},
   "annotations":{"playbook":"restart-cart"},"startsAt":"2030-01-02T03:04:05.006Z",
   "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example/g?q=1","fingerprint":"00c0ffee00c0ffee"},
  {"status":"resolved","labels":{"alertname":"CartDown","job":"cart","instance":"cart-2:8080"},
   "annotations":{},"startsAt":"2030-01-02T03:00:00Z","endsAt":"2030-01-02T04:06:30+01:00",
   "generatorURL":"http://prom.example/g?q=1","fingerprint":"0BADF00D0BADF00D"}]})";

TEST_CASE("a notification is read whole") {
  const auto parse = parse_alertmanager_v4(kNotification);
  REQUIRE(parse.has_value());
  CHECK(parse->rejected.empty());
  AlertGroup expected;
  expected.receiver = "heal.shop";
  expected.group_key = "{}/{team=\"shop\"}:{alertname=\"CartDown\"}";
  expected.group_labels = {{"alertname", "CartDown"}};
  expected.common_labels = {{"alertname", "CartDown"}, {"job", "cart"}};
  expected.common_annotations = {{"a", "b"}};
  expected.external_url = "http://am.example:9093";
  expected.truncated_alerts = 2;
  expected.alerts = {{AlertStatus::kFiring,
                      {{"alertname", "CartDown"}, {"instance", "cart-1:8080"}, {"job", "cart"}},
                      {{"playbook", "restart-cart"}},
                      at("2030-01-02T03:04:05.006Z"),
                      std::nullopt,
                      "http://prom.example/g?q=1",
                      "00c0ffee00c0ffee"},
                     {AlertStatus::kResolved,
                      {{"alertname", "CartDown"}, {"instance", "cart-2:8080"}, {"job", "cart"}},
                      {},
                      at("2030-01-02T03:00:00Z"),
                      at("2030-01-02T03:06:30Z"),
                      "http://prom.example/g?q=1",
                      "0badf00d0badf00d"}};
  CHECK(parse->group == expected);
  CHECK(parse_alertmanager_v4(write_alertmanager_v4(expected))->group == expected);
}

TEST_CASE("more alerts left out than anybody has are as many as can be counted") {
  std::string text(kNotification);
  text.replace(text.find("\"truncatedAlerts\":2"), 19, "\"truncatedAlerts\":9223372036854775807");
  CHECK(parse_alertmanager_v4(text)->group.truncated_alerts == 1'000'000);
}

struct Refused {
  std::string name, body, message;
};

TEST_CASE("a body that is no notification is refused with the place") {
  const auto c = GENERATE(values<Refused>({
      {"no version", R"({"alerts":[{}]})", "/version: expected a string, got nothing"},
      {"other version", R"({"version":"5","alerts":[{}]})", "/version: expected \"4\", got \"5\""},
      {"version as number", R"({"version":4,"alerts":[{}]})", "/version: expected a string, got number"},
      {"no alerts", R"({"version":"4"})", "/alerts: expected an array, got nothing"},
      {"empty alerts", R"({"version":"4","alerts":[]})", "/alerts: expected at least one alert"},
      {"alerts as object", R"({"version":"4","alerts":{}})", "/alerts: expected an array, got object"},
      {"label that is no text", R"({"version":"4","commonLabels":{"a/b":1},"alerts":[{}]})",
       "/commonLabels/a~1b: expected a string, got number"},
      {"negative truncation", R"({"version":"4","truncatedAlerts":-1,"alerts":[{}]})",
       "/truncatedAlerts: expected 0 or more, got -1"},
      {"receiver of a wrong type", R"({"version":"4","receiver":{},"alerts":[{}]})",
       "/receiver: expected a string, got object"},
      {"array", "[]", "expected an object, got array"},
      {"member twice", R"({"version":"4","version":"4"})",
       "/version: not accepted as JSON at line 1, column 24 (byte 23): the member is there twice"},
      {"not UTF-8", "{\"version\":\"4\",\"receiver\":\"\xC3\x28\"}",
       "not accepted as JSON at line 1, column 28 (byte 27): not UTF-8"},
  }));
  CAPTURE(c.name);
  const auto parse = parse_alertmanager_v4(c.body);
  REQUIRE_FALSE(parse.has_value());
  CHECK(parse.error().code() == ErrorCode::kInvalid);
  CHECK(parse.error().str() == c.message);
}

struct BadAlert {
  std::string name, alert, pointer, reason;
};

TEST_CASE("one bad alert is rejected alone") {
  const auto c = GENERATE(values<BadAlert>({
      {"not an object", "7", "/alerts/0", "expected an object, got number"},
      {"no labels", R"({"status":"firing","startsAt":"2030-01-02T03:04:05Z"})", "/alerts/0/labels",
       "expected an object, got nothing"},
      {"empty labels", R"({"status":"firing","labels":{},"startsAt":"2030-01-02T03:04:05Z"})", "/alerts/0/labels",
       "expected at least one label"},
      {"nested label", R"({"status":"firing","labels":{"a":{"b":"c"}},"startsAt":"2030-01-02T03:04:05Z"})",
       "/alerts/0/labels/a", "expected a string, got object"},
      {"unknown status", R"({"status":"on fire","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"})",
       "/alerts/0/status", "expected \"firing\" or \"resolved\", got \"on fire\""},
      {"no status", R"({"labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"})", "/alerts/0/status",
       "expected a string, got nothing"},
      {"no start", R"({"status":"firing","labels":{"a":"b"}})", "/alerts/0/startsAt",
       "expected an RFC 3339 time, got nothing"},
      {"start in year 1", R"({"status":"firing","labels":{"a":"b"},"startsAt":"0001-01-01T00:00:00Z"})",
       "/alerts/0/startsAt", "expected a time, got year 1"},
      {"short fingerprint",
       R"({"status":"firing","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z","fingerprint":"abc"})",
       "/alerts/0/fingerprint", "expected 16 hex digits, got \"abc\""},
      {"fingerprint that is no hex",
       R"({"status":"firing","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z","fingerprint":"../../etc/passw"})",
       "/alerts/0/fingerprint", "expected 16 hex digits, got \"../../etc/passw\""},
  }));
  CAPTURE(c.name);
  const std::string good = R"({"status":"firing","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"})";
  const auto parse = parse_alertmanager_v4(R"({"version":"4","alerts":[)" + c.alert + "," + good + "]}");
  REQUIRE(parse.has_value());
  CHECK(parse->group.alerts.size() == 1);
  const std::string raw = dump(parse_json(c.alert).value());
  CHECK(parse->rejected == std::vector<RejectedAlert>{{0, c.pointer, c.reason, raw}});
}

TEST_CASE("an alert without a fingerprint gets the one of its labels") {
  const auto parse = parse_alertmanager_v4(
      R"({"version":"4","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"}]})");
  REQUIRE(parse.has_value());
  CHECK(parse->group.alerts.at(0).fingerprint == fingerprint_of({{"a", "b"}}));
}

TEST_CASE("label values that look like templates, shells or lines are kept as they came") {
  const Labels hostile{{"a", "{{ .Labels.x }}"},     {"b", "$(reboot)"},    {"c", "x\ny\tz"},
                       {"d", "'; drop --"},          {"e", "\xE2\x80\xAE"}, {"f", ""},
                       {"g", std::string("\x01", 1)}};
  AlertGroup group;
  group.alerts = {{AlertStatus::kFiring, hostile, hostile, at("2030-01-02T03:04:05Z"), std::nullopt, "", ""}};
  const auto parse = parse_alertmanager_v4(write_alertmanager_v4(group));
  REQUIRE(parse.has_value());
  CHECK(parse->group.alerts.at(0).labels == hostile);
  CHECK(parse->group.alerts.at(0).annotations == hostile);
}

TEST_CASE("a large notification is read and a deep one refused") {
  std::string large = R"({"version":"4","x":")" + std::string(1 << 20, 'x') + R"(","alerts":[)";
  for (int i = 0; i < 5000; ++i)
    large += R"({"status":"firing","labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"},)";
  large.back() = ']';
  CHECK(parse_alertmanager_v4(large + "}")->group.alerts.size() == 5000);
  CHECK_FALSE(parse_alertmanager_v4(R"({"version":"4","x":)" + std::string(100'000, '[')).has_value());
}

TEST_CASE("a receiver's name is freed of its escapes") {
  CHECK(unquote_meta(R"(web\.hook\\x\+)") == R"(web.hook\x+)");
  CHECK(unquote_meta(R"(a\qb\)") == R"(a\qb\)");
  const std::string all = R"(\.+*?()|[]{}^$ plain-1_2)";
  CHECK(unquote_meta(quote_meta(all)) == all);
}

TEST_CASE("API v2 alerts are read and written") {
  const auto alerts = parse_alertmanager_alerts(
      R"([{"annotations":{"s":"t"},"endsAt":"2030-01-02T03:09:05.000Z","fingerprint":"00c0ffee00c0ffee",
      "receivers":[{"name":"heal"}],"startsAt":"2030-01-02T03:04:05.000Z","updatedAt":"2030-01-02T03:04:05.000Z",
      "status":{"inhibitedBy":["x"],"silencedBy":["y","z"],"state":"suppressed"},"generatorURL":"http://g",
      "labels":{"alertname":"A"}}])");
  REQUIRE(alerts.has_value());
  const ActiveAlert expected{{AlertStatus::kFiring,
                              {{"alertname", "A"}},
                              {{"s", "t"}},
                              at("2030-01-02T03:04:05Z"),
                              std::nullopt,
                              "http://g",
                              "00c0ffee00c0ffee"},
                             "suppressed",
                             {"y", "z"},
                             {"x"}};
  CHECK(*alerts == std::vector<ActiveAlert>{expected});
  CHECK(
      write_alertmanager_alerts({expected.alert}) ==
      R"([{"annotations":{"s":"t"},"generatorURL":"http://g","labels":{"alertname":"A"},"startsAt":"2030-01-02T03:04:05Z"}])");
  CHECK(write_alertmanager_alerts({{AlertStatus::kFiring, {{"a", "b"}}, {}, {}, std::nullopt, "", ""}}) ==
        R"([{"annotations":{},"labels":{"a":"b"}}])");
  CHECK(parse_alertmanager_alerts("{}").error().str() == "Alertmanager's list of alerts: expected an array");
  CHECK(parse_alertmanager_alerts("<html>").error().code() == ErrorCode::kProtocol);
  CHECK(parse_alertmanager_alerts(R"([{"labels":{"a":"b"},"startsAt":"2030-01-02T03:04:05Z"}])").error().str() ==
        "Alertmanager's list of alerts: /0/status: expected an object, got nothing");
}

}  // namespace
}  // namespace heal
