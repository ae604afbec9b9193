#include "common/wire/sns.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::size_t kMostSnsValues = 1000;

Result<SnsMessage::Type> type_of(const Json& json) {
  HEAL_TRY(const auto type, get_string(json, "Type"));
  if (type == "Notification") return SnsMessage::Type::kNotification;
  if (type == "SubscriptionConfirmation") return SnsMessage::Type::kSubscriptionConfirmation;
  if (type == "UnsubscribeConfirmation") return SnsMessage::Type::kUnsubscribeConfirmation;
  return make_error(
      ErrorCode::kInvalid,
      "/Type: expected \"Notification\", \"SubscriptionConfirmation\" or \"UnsubscribeConfirmation\", got \"{}\"",
      printable(type));
}

Status read_signature(const Json& json, SnsMessage& message) {
  HEAL_TRY(message.signature_version, get_string_or_empty(json, "SignatureVersion"));
  HEAL_TRY(message.signature, get_string_or_empty(json, "Signature"));
  HEAL_TRY(message.signing_cert_url, get_string_or_empty(json, "SigningCertURL"));
  return {};
}

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}
/// `eu-central-1`, `us-gov-west-1`: words and a number. Not `s3`, `s3-us-west-2` and the like, by which anybody's
/// bucket is a host.
bool is_region(std::string_view text) {
  auto parts = split(text, '-');
  if (parts.size() < 3) return false;
  const std::string_view number = parts.back();
  parts.pop_back();
  return !number.empty() && std::all_of(number.begin(), number.end(), is_digit) &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view word) {
           return word.size() >= 2 && std::all_of(word.begin(), word.end(), is_letter);
         });
}

/// The region of a host of SNS: `sns.` + region + a suffix of AWS. "" for all others.
std::string_view region_of(std::string_view host) {
  constexpr std::string_view kPrefix = "sns.";
  if (!host.starts_with(kPrefix)) return {};
  host.remove_prefix(kPrefix.size());
  for (const std::string_view suffix : {".amazonaws.com", ".amazonaws.com.cn"}) {
    if (!host.ends_with(suffix)) continue;
    const std::string_view region = host.substr(0, host.size() - suffix.size());
    if (is_region(region)) return region;
  }
  return {};
}

struct SnsUrl {
  std::string_view region;  ///< "" when the URL does not lead to a host of SNS
  std::string_view rest;    ///< path and query
};

SnsUrl take_apart(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  const bool is_plain = std::none_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '\\';
  });
  if (!is_plain || !url.starts_with(kScheme)) return {};
  url.remove_prefix(kScheme.size());
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  return {region_of(url.substr(0, end)), url.substr(end)};
}

/// `/SimpleNotificationService-` + letters and digits + `.pem`.
bool is_certificate_path(std::string_view path) {
  constexpr std::string_view kBegin = "/SimpleNotificationService-", kEnd = ".pem";
  if (!path.starts_with(kBegin) || !path.ends_with(kEnd) || path.size() <= kBegin.size() + kEnd.size()) return false;
  path = path.substr(kBegin.size(), path.size() - kBegin.size() - kEnd.size());
  return std::all_of(path.begin(), path.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

}  // namespace

Result<SnsMessage> parse_sns(std::string_view body) {
  JsonLimits limits;
  limits.max_values = kMostSnsValues;
  HEAL_TRY(const auto json, parse_json(body, limits));
  if (!json.is_object()) {
    return make_error(ErrorCode::kInvalid, "expected an object, got {}", json_type_name(json));
  }
  SnsMessage message;
  HEAL_TRY(message.type, type_of(json));
  HEAL_TRY(message.message_id, get_string(json, "MessageId"));
  HEAL_TRY(message.topic_arn, get_string(json, "TopicArn"));
  HEAL_TRY(message.message, get_string(json, "Message"));
  HEAL_TRY(message.subject, get_optional_string(json, "Subject"));
  HEAL_TRY(message.timestamp_text, get_string(json, "Timestamp"));
  HEAL_TRY(message.timestamp, get_time(json, "Timestamp"));
  HEAL_TRY_STATUS(read_signature(json, message));
  if (message.type == SnsMessage::Type::kNotification) return message;
  HEAL_TRY(message.subscribe_url, get_string(json, "SubscribeURL"));
  HEAL_TRY(message.token, get_string(json, "Token"));
  return message;
}

std::string sns_signed_text(const SnsMessage& message) {
  std::string out;
  const auto add = [&out](std::string_view name, std::string_view value) {
    out += fmt::format("{}\n{}\n", name, value);
  };
  const bool is_notification = message.type == SnsMessage::Type::kNotification;
  add("Message", message.message);
  add("MessageId", message.message_id);
  if (is_notification && message.subject) add("Subject", *message.subject);
  if (!is_notification) add("SubscribeURL", message.subscribe_url);
  add("Timestamp", message.timestamp_text);
  if (!is_notification) add("Token", message.token);
  add("TopicArn", message.topic_arn);
  switch (message.type) {
    case SnsMessage::Type::kNotification:
      add("Type", "Notification");
      break;
    case SnsMessage::Type::kSubscriptionConfirmation:
      add("Type", "SubscriptionConfirmation");
      break;
    case SnsMessage::Type::kUnsubscribeConfirmation:
      add("Type", "UnsubscribeConfirmation");
      break;
  }
  return out;
}

Status check_sns_url(std::string_view url, std::string_view at) {
  if (!take_apart(url).region.empty()) return {};
  return make_error(ErrorCode::kInvalid, "{}: expected https://sns.REGION.amazonaws.com/…, got \"{}\"", at,
                    printable(url, 200));
}

Status check_signing_cert_url(const SnsMessage& message) {
  const auto parts = split(message.topic_arn, ':');
  const auto url = take_apart(message.signing_cert_url);
  const bool is_of_topic = parts.size() > 3 && !url.region.empty() && url.region == parts[3];
  if (is_of_topic && is_certificate_path(url.rest)) return {};
  return make_error(ErrorCode::kInvalid,
                    "/SigningCertURL: expected https://sns.REGION.amazonaws.com/SimpleNotificationService-….pem of the "
                    "topic's region, got \"{}\"",
                    printable(message.signing_cert_url, 200));
}

}  // namespace heal
