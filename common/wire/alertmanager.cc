#include "common/wire/alertmanager.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/wire/alert_group.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kMeta = R"(\.+*?()|[]{}^$)";

Json alert_json(const Alert& alert) {
  Json json{{"labels", to_json_value(alert.labels)}, {"annotations", to_json_value(alert.annotations)}};
  json["generatorURL"] = alert.generator_url;
  return json;
}

Result<std::vector<std::string>> only_strings_in(const Json& object, std::string_view name, std::string_view at) {
  std::vector<std::string> out;
  HEAL_TRY(const Json* list, get_optional_array(object, name, at));
  if (list == nullptr) return out;
  for (const Json& item : *list) {
    if (item.is_string()) out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

Result<ActiveAlert> parse_active(const Json& json, std::string_view at) {
  ActiveAlert active;
  HEAL_TRY(active.alert, parse_alert(json, at));
  active.alert.ends_at = std::nullopt;
  HEAL_TRY(const Json* status, get_object(json, "status", at));
  const auto status_at = json_pointer(at, "status");
  HEAL_TRY(active.state, get_string(*status, "state", status_at));
  HEAL_TRY(active.silenced_by, only_strings_in(*status, "silencedBy", status_at));
  HEAL_TRY(active.inhibited_by, only_strings_in(*status, "inhibitedBy", status_at));
  return active;
}

Error as_protocol(const Error& error) {
  return make_error(ErrorCode::kProtocol, "Alertmanager's list of alerts: {}", error.str());
}

}  // namespace

Result<AlertGroupParse> parse_alertmanager_v4(std::string_view body) {
  HEAL_TRY(Json json, parse_notification(body));
  AlertGroupParse parse;
  HEAL_TRY(parse.group, parse_group_head(json, "4"));
  HEAL_TRY_STATUS(parse_group_alerts(json, nullptr, parse));
  return parse;
}

std::string write_alertmanager_v4(const AlertGroup& group) {
  Json alerts = Json::array();
  bool fires = false;
  for (const Alert& alert : group.alerts) {
    Json json = alert_json(alert);
    const bool firing = alert.status == AlertStatus::kFiring;
    fires = fires || firing;
    json["status"] = firing ? "firing" : "resolved";
    json["startsAt"] = format_rfc3339_nano(alert.starts_at);
    json["endsAt"] = alert.ends_at ? format_rfc3339_nano(*alert.ends_at) : std::string(kNoTime);
    json["fingerprint"] = alert.fingerprint.empty() ? fingerprint_of(alert.labels) : alert.fingerprint;
    alerts.push_back(std::move(json));
  }
  Json body{{"version", "4"}, {"status", fires ? "firing" : "resolved"}};
  body["receiver"] = quote_meta(group.receiver);
  body["groupKey"] = group.group_key;
  body["groupLabels"] = to_json_value(group.group_labels);
  body["commonLabels"] = to_json_value(group.common_labels);
  body["commonAnnotations"] = to_json_value(group.common_annotations);
  body["externalURL"] = group.external_url;
  body["truncatedAlerts"] = group.truncated_alerts;
  body["alerts"] = std::move(alerts);
  return dump(body);
}

Result<std::vector<ActiveAlert>> parse_alertmanager_alerts(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return as_protocol(json.error());
  if (!json->is_array()) return as_protocol(make_error(ErrorCode::kProtocol, "expected an array"));
  std::vector<ActiveAlert> alerts;
  for (std::size_t i = 0; i < json->size(); ++i) {
    auto alert = parse_active((*json)[i], json_pointer("", i));
    if (!alert) return as_protocol(alert.error());
    alerts.push_back(std::move(*alert));
  }
  return alerts;
}

Result<WallTime> parse_alertmanager_uptime(std::string_view body) {
  const auto json = parse_json(body);
  if (!json || !json->is_object()) return make_error(ErrorCode::kProtocol, "Alertmanager's status: expected an object");
  const auto uptime = get_time(*json, "uptime");
  if (!uptime) return make_error(ErrorCode::kProtocol, "Alertmanager's status: {}", uptime.error().str());
  return *uptime;
}

std::string write_alertmanager_alerts(const std::vector<Alert>& alerts) {
  Json body = Json::array();
  for (const Alert& alert : alerts) {
    Json json = alert_json(alert);
    if (alert.starts_at != WallTime{}) json["startsAt"] = format_rfc3339_nano(alert.starts_at);
    if (alert.ends_at) json["endsAt"] = format_rfc3339_nano(*alert.ends_at);
    if (alert.generator_url.empty()) json.erase("generatorURL");
    body.push_back(std::move(json));
  }
  return dump(body);
}

std::string unquote_meta(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && kMeta.find(text[i + 1]) != std::string_view::npos) ++i;
    out += text[i];
  }
  return out;
}

std::string quote_meta(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kMeta.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace heal
