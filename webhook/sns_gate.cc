#include "webhook/sns_gate.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/base/signature.h"
#include "common/base/text.h"
#include "common/config/file.h"

namespace heal::webhook {
namespace {

using Signature = playbook::SnsSourceConfig::Signature;

/// SNS gives up after an hour.
constexpr Duration kOldest = 1h + 5min;
constexpr Duration kClockSkew = 5min;
constexpr Duration kFetchTime = 5s;
constexpr Duration kFailureKept = 1min;
constexpr std::size_t kMostCertificates = 16;
constexpr std::size_t kMostCertificateBytes = 64 << 10;

Status check_age(const SnsMessage& message, WallTime now) {
  const Duration age = now - message.timestamp;
  if (age <= kOldest && age >= -kClockSkew) return {};
  return make_error(ErrorCode::kInvalid, "/Timestamp: expected one of the last hour, got \"{}\"",
                    printable(message.timestamp_text));
}

Result<SignatureDigest> digest_of(const SnsMessage& message, Signature wanted) {
  if (message.signature_version == "2") return SignatureDigest::kSha256;
  if (message.signature_version == "1" && wanted == Signature::kSha1) return SignatureDigest::kSha1;
  return make_error(ErrorCode::kInvalid,
                    "/SignatureVersion: expected \"2\", got \"{}\" (set SignatureVersion of the topic to 2, or "
                    "sources.sns.signature in heal.yml)",
                    printable(message.signature_version));
}

}  // namespace

Status SnsGate::check(const SnsMessage& message) {
  const auto world = world_.get();
  const auto& sns = world->bundle.config.sources.sns;
  if (!sns) return make_error(ErrorCode::kInvalid, "/TopicArn: heal.yml has no sources.sns, so no topic is taken");
  if (std::find(sns->topics.begin(), sns->topics.end(), message.topic_arn) == sns->topics.end()) {
    return make_error(ErrorCode::kInvalid, "/TopicArn: \"{}\" is not one of sources.sns.topics",
                      printable(message.topic_arn, 200));
  }
  HEAL_TRY_STATUS(check_age(message, clock_.now()));
  if (sns->signature == Signature::kOff) return {};
  return check_signature(message, world->bundle.config);
}

Status SnsGate::check_signature(const SnsMessage& message, const playbook::HealConfig& config) {
  const auto& sns = *config.sources.sns;
  HEAL_TRY(const SignatureDigest digest, digest_of(message, sns.signature));
  const std::string text = sns_signed_text(message);
  Status last = make_error(ErrorCode::kInvalid, "no certificate");
  for (const std::string& file : sns.certificate_files) {
    const auto name = config::resolve_path(file, config::folder_of(config.file));
    const auto pem = config::read_text_file(name, kMostCertificateBytes);
    if (!pem.has_value())
      return make_error(ErrorCode::kUnavailable, "sources.sns.certificate_files: {}", pem.error().str());
    last = verify_signature(*pem, digest, text, message.signature);
    if (last.has_value()) return {};
  }
  if (sns.certificate_files.empty()) {
    HEAL_TRY(const auto pem, certificate(message));
    last = verify_signature(pem, digest, text, message.signature);
    if (last.has_value()) return {};
  }
  return make_error(ErrorCode::kInvalid, "/Signature: {}", last.error().str());
}

Result<std::string> SnsGate::certificate(const SnsMessage& message) {
  HEAL_TRY_STATUS(check_signing_cert_url(message));
  const std::string& url = message.signing_cert_url;
  {
    MutexLock lock(mutex_);
    const auto it = certificates_.find(url);
    if (it != certificates_.end()) return it->second;
    const auto failure = failures_.find(url);
    if (failure != failures_.end() && clock_.steady_now() < failure->second.until)
      return make_error(ErrorCode::kUnavailable, "{}", failure->second.message);
    if (is_fetching_)
      return make_error(ErrorCode::kUnavailable, "a certificate of SNS is being fetched: send the message again");
    is_fetching_ = true;
  }
  auto pem = [&]() -> Result<std::string> {
    try {
      return fetch(url);
    } catch (const std::exception& e) {  // no memory: the next message may ask again
      return make_error(ErrorCode::kUnavailable, "SigningCertURL cannot be fetched: {}", e.what());
    }
  }();
  MutexLock lock(mutex_);
  is_fetching_ = false;
  if (certificates_.size() >= kMostCertificates) certificates_.clear();
  if (failures_.size() >= kMostCertificates) failures_.clear();
  failures_.erase(url);
  if (pem.has_value()) {
    certificates_[url] = *pem;
  } else {
    failures_[url] = {clock_.steady_now() + kFailureKept, pem.error().str()};
  }
  return pem;
}

Result<std::string> SnsGate::fetch(const std::string& url) {
  HttpClientRequest request;
  request.url = url;
  request.max_response_bytes = kMostCertificateBytes;
  auto response = http_.send(request, clock_.deadline_in(kFetchTime), {});
  std::string why;
  if (!response.has_value()) {
    why = response.error().str();
  } else if (response->status != 200) {
    why = fmt::format("status {}", response->status);
  } else if (const Status good = check_certificate(response->body); !good.has_value()) {
    why = good.error().str();
  } else {
    return std::move(response->body);
  }
  return make_error(ErrorCode::kUnavailable, "the certificate of SNS could not be fetched from {}: {}",
                    printable(url, 200), why);
}

}  // namespace heal::webhook
