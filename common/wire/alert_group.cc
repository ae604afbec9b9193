#include "common/wire/alert_group.h"

#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

/// Of the largest notification: thirty to an alert.
constexpr std::size_t kMostGroupValues = 30 * kMostAlerts;
constexpr std::int64_t kMostTruncated = 1'000'000;

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

Result<Alert> parse_notified_alert(const Json& json, std::string_view at, ReadMore read_more) {
  HEAL_TRY(auto alert, parse_alert(json, at));
  HEAL_TRY(alert.status, status_of(json, at));
  if (read_more != nullptr) HEAL_TRY_STATUS(read_more(json, at, alert));
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

}  // namespace

Result<Json> parse_notification(std::string_view body) {
  JsonLimits limits;
  limits.max_values = kMostGroupValues;
  HEAL_TRY(auto json, parse_json(body, limits));
  if (json.is_object()) return json;
  return make_error(ErrorCode::kInvalid, "expected an object, got {}", json_type_name(json));
}

Result<AlertGroup> parse_group_head(const Json& body, std::string_view expected) {
  HEAL_TRY(const auto version, get_string(body, "version"));
  if (version != expected) {
    return make_error(ErrorCode::kInvalid, "/version: expected \"{}\", got \"{}\"", expected, printable(version));
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
  // More than anybody has; sums of it must not overflow.
  group.truncated_alerts = static_cast<std::uint64_t>(std::min(truncated.value_or(0), kMostTruncated));
  return group;
}

Status parse_group_alerts(Json& body, ReadMore read_more, AlertGroupParse& parse) {
  HEAL_TRY(const Json* found, get_array(body, "alerts"));
  if (found->empty()) return make_error(ErrorCode::kInvalid, "/alerts: expected at least one alert");
  if (found->size() > kMostAlerts) {
    return make_error(ErrorCode::kInvalid, "/alerts: expected at most {} alerts, got {}", kMostAlerts, found->size());
  }
  Json& alerts = body["alerts"];
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    const Json each = std::exchange(alerts[i], nullptr);  // frees the memory of each before the next is read
    const auto at = json_pointer("/alerts", i);
    auto alert = parse_notified_alert(each, at, read_more);
    if (alert) {
      parse.group.alerts.push_back(std::move(*alert));
      continue;
    }
    const bool keeps_text = parse.rejected.size() < kMostRejectedTexts;
    parse.rejected.push_back(rejection(i, at, alert.error(), keeps_text ? dump(each) : ""));
  }
  return {};
}

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

}  // namespace heal
