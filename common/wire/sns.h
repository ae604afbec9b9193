#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// What Amazon SNS posts.
struct SnsMessage {
  enum class Type { kNotification, kSubscriptionConfirmation, kUnsubscribeConfirmation };
  Type type = Type::kNotification;
  std::string message_id, topic_arn;
  std::string message;                 ///< of a notification: what somebody published, often JSON
  std::optional<std::string> subject;  ///< signed when it is there
  std::string timestamp_text;          ///< as it came: it is signed like that
  WallTime timestamp{};
  std::string signature_version, signature, signing_cert_url;  ///< "" when absent
  std::string subscribe_url, token;                            ///< of confirmations; never to be followed by itself

  bool operator==(const SnsMessage&) const = default;
};

/// An SNS message in its envelope, sent as text/plain (SNS developer guide, "Parsing HTTP/HTTPS message formats"):
///   Type "Notification"|"SubscriptionConfirmation"|"UnsubscribeConfirmation" · MessageId, TopicArn, Message, Timestamp
///   (RFC 3339) · Subject, SignatureVersion "1"|"2", Signature base64, SigningCertURL · SubscribeURL, Token
/// Required: the first five, and of confirmations SubscribeURL and Token. kInvalid with the JSON pointer. Whether it
/// may be believed is told by nothing here: check its signature.
Result<SnsMessage> parse_sns(std::string_view body);

/// What an SNS message's signature is over: `Name\nvalue\n` for each signed member, in order of name.
std::string sns_signed_text(const SnsMessage& message);

/// kInvalid unless `url` is https and leads to a regional host of SNS (`sns.REGION.amazonaws.com`, `….com.cn`), without
/// user and port. Reasons begin with `at`.
Status check_sns_url(std::string_view url, std::string_view at);

/// kInvalid unless SigningCertURL is such a URL, of the region of TopicArn, with the path that SNS gives its
/// certificates: the only places that one may come from.
Status check_signing_cert_url(const SnsMessage& message);

}  // namespace heal
