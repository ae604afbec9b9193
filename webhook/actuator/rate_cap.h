#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/base/time.h"
#include "common/port/clock.h"
#include "webhook/actuator/config.h"

namespace heal::actuator {

/// Token buckets: how often something may be done. Thread-safe.
class RateCap {
 public:
  /// What was over its limit, and when asking again makes sense.
  struct Exceeded {
    enum class Which { kOwn, kTotal } which = Which::kOwn;
    Duration retry_after{};
  };

  explicit RateCap(Clock& clock) : clock_(clock) {}

  /// Takes one token of bucket `key` and one of the bucket that all share, or none of both.
  std::optional<Exceeded> take(const std::string& key, const RateLimit& own, const RateLimit& total);

 private:
  struct Bucket {
    double tokens = 0;
    SteadyTime at{};
    Duration window{};  ///< in which it fills
  };
  Bucket& filled(const std::string& key, const RateLimit& limit, SteadyTime now) HEAL_REQUIRES(mutex_);
  void forget_full(SteadyTime now) HEAL_REQUIRES(mutex_);

  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, Bucket> buckets_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::actuator
