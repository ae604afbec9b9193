#include "common/wire/alertmanager.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kMeta = R"(\.+*?()|[]{}^$)";
/// Of the largest notification: thirty to an alert.
constexpr std::size_t kMostValues = 30 * kMostAlerts;
constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

Result<AlertStatus> status_of(const Json& alert, std::string_view at) {
  HEAL_TRY(const auto status, get_string(alert, "status", at));
  if (status == "firing") return AlertStatus::kFiring;
  if (status == "resolved") return AlertStatus::kResolved;
  return make_error(ErrorCode::kInvalid, "{}/status: expected \"firing\" or \"resolved\", got \"{}\"", at,
                    printable(status));
}

Result<std::string> fingerprint_in(const Json& alert, const Labels& labels, std::string_view at) {
  HEAL_TRY(const auto given, get_optional_string(alert, "fingerprint", at));
  if (!given) return fingerprint_of(labels);
  const auto lower = to_lower(*given);
  const bool is_hex = lower.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (lower.size() == 16 && is_hex) return lower;
  return make_error(ErrorCode::kInvalid, "{}/fingerprint: expected 16 hex digits, got \"{}\"", at, printable(*given));
}

/// What both the notification and API v2 say of an alert.
Result<Alert> parse_alert(const Json& json, std::string_view at) {
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "{}: expected an object, got {}", at, json_type_name(json));
  }
  Alert alert;
  HEAL_TRY(alert.labels, get_labels(json, "labels", at));
  if (alert.labels.empty()) return make_error(ErrorCode::kInvalid, "{}/labels: expected at least one label", at);
  HEAL_TRY(alert.annotations, get_optional_labels(json, "annotations", at));
  HEAL_TRY(alert.starts_at, get_time(json, "startsAt", at));
  HEAL_TRY(alert.ends_at, get_optional_time(json, "endsAt", at));
  HEAL_TRY(const auto generator, get_optional_string(json, "generatorURL", at));
  alert.generator_url = generator.value_or("");
  HEAL_TRY(alert.fingerprint, fingerprint_in(json, alert.labels, at));
  return alert;
}

Result<Alert> parse_notified_alert(const Json& json, std::string_view at) {
  HEAL_TRY(auto alert, parse_alert(json, at));
  HEAL_TRY(alert.status, status_of(json, at));
  return alert;
}

/// Messages of this file begin with the JSON pointer and ": ".
RejectedAlert rejection(std::size_t index, std::string_view at, const Error& error, std::string raw) {
  const std::string message = error.str();
  const auto colon = message.find(": ", at.size());
  RejectedAlert rejected{index, std::string(at), message, std::move(raw)};
  if (colon != std::string::npos) {
    rejected.pointer = message.substr(0, colon);
    rejected.reason = message.substr(colon + 2);
  }
  return rejected;
}

Result<AlertGroup> parse_head(const Json& body) {
  HEAL_TRY(const auto version, get_string(body, "version"));
  if (version != "4") {
    return make_error(ErrorCode::kInvalid, "/version: expected \"4\", got \"{}\"", printable(version));
  }
  AlertGroup group;
  HEAL_TRY(const auto receiver, get_optional_string(body, "receiver"));
  group.receiver = unquote_meta(receiver.value_or(""));
  HEAL_TRY(const auto key, get_optional_string(body, "groupKey"));
  group.group_key = key.value_or("");
  HEAL_TRY(group.group_labels, get_optional_labels(body, "groupLabels"));
  HEAL_TRY(group.common_labels, get_optional_labels(body, "commonLabels"));
  HEAL_TRY(group.common_annotations, get_optional_labels(body, "commonAnnotations"));
  HEAL_TRY(const auto url, get_optional_string(body, "externalURL"));
  group.external_url = url.value_or("");
  HEAL_TRY(const auto truncated, get_optional_int(body, "truncatedAlerts"));
  if (truncated.value_or(0) < 0) {
    return make_error(ErrorCode::kInvalid, "/truncatedAlerts: expected 0 or more, got {}", *truncated);
  }
  group.truncated_alerts = static_cast<std::uint64_t>(truncated.value_or(0));
  return group;
}

Json alert_json(const Alert& alert) {
  Json json{{"labels", to_json_value(alert.labels)}, {"annotations", to_json_value(alert.annotations)}};
  json["generatorURL"] = alert.generator_url;
  return json;
}

Result<std::vector<std::string>> strings_in(const Json& object, std::string_view name, std::string_view at) {
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
  HEAL_TRY(active.silenced_by, strings_in(*status, "silencedBy", status_at));
  HEAL_TRY(active.inhibited_by, strings_in(*status, "inhibitedBy", status_at));
  return active;
}

Error as_protocol(const Error& error) {
  return make_error(ErrorCode::kProtocol, "Alertmanager's list of alerts: {}", error.str());
}

}  // namespace

Result<AlertGroupParse> parse_alertmanager_v4(std::string_view body) {
  JsonLimits limits;
  limits.max_values = kMostValues;
  HEAL_TRY(auto json, parse_json(body, limits));
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "expected an object, got {}", json_type_name(json));
  }
  AlertGroupParse parse;
  HEAL_TRY(parse.group, parse_head(json));
  HEAL_TRY(const Json* found, get_array(json, "alerts"));
  if (found->empty()) return make_error(ErrorCode::kInvalid, "/alerts: expected at least one alert");
  if (found->size() > kMostAlerts) {
    return make_error(ErrorCode::kInvalid, "/alerts: expected at most {} alerts, got {}", kMostAlerts, found->size());
  }
  Json& alerts = json["alerts"];
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    const Json each = std::exchange(alerts[i], nullptr);  // frees the memory of each before the next is read
    const auto at = json_pointer("/alerts", i);
    auto alert = parse_notified_alert(each, at);
    if (alert) {
      parse.group.alerts.push_back(std::move(*alert));
      continue;
    }
    const bool keeps_text = parse.rejected.size() < kMostRejectedTexts;
    parse.rejected.push_back(rejection(i, at, alert.error(), keeps_text ? dump(each) : ""));
  }
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
