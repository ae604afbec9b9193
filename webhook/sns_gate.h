#pragma once

#include <map>
#include <string>

#include "common/base/mutex.h"
#include "common/base/snapshot.h"
#include "common/port/clock.h"
#include "common/port/http_client.h"
#include "common/remedy/world.h"
#include "common/wire/sns.h"

namespace heal::webhook {

/// Decides which messages of SNS may be believed, by heal.yml's `sources.sns`. Thread-safe; the references must outlive
/// it.
class SnsGate {
 public:
  SnsGate(Snapshot<remedy::World>& world, Clock& clock, HttpClient& http) : world_(world), clock_(clock), http_(http) {}

  /// Success for a message of a named topic that is not old and is signed by SNS (by a certificate of heal.yml, or one
  /// from its SigningCertURL, which is fetched from the topic's own host of SNS alone and kept). kInvalid with the JSON
  /// pointer for all others; kUnavailable when the certificate cannot be had now. Only one caller at a time blocks, for
  /// five seconds at most, while it is fetched, and one that could not be had is not asked for again for a minute.
  Status check(const SnsMessage& message) HEAL_EXCLUDES(mutex_);

 private:
  struct Failure {
    SteadyTime until{};
    std::string message;
  };

  Status check_signature(const SnsMessage& message, const playbook::HealConfig& config) HEAL_EXCLUDES(mutex_);
  Result<std::string> certificate(const SnsMessage& message) HEAL_EXCLUDES(mutex_);
  Result<std::string> fetch(const std::string& url);

  Snapshot<remedy::World>& world_;
  Clock& clock_;
  HttpClient& http_;
  Mutex mutex_;
  std::map<std::string, std::string> certificates_ HEAL_GUARDED_BY(mutex_);  // by URL
  std::map<std::string, Failure> failures_ HEAL_GUARDED_BY(mutex_);          // by URL
  bool is_fetching_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::webhook
