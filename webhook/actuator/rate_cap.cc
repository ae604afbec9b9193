#include "webhook/actuator/rate_cap.h"

#include <algorithm>

namespace heal::actuator {
namespace {

constexpr std::size_t kMostBuckets = 4096;

double per_second(const RateLimit& limit) {
  return static_cast<double>(limit.actions) / to_seconds(limit.window);
}

Duration until_one(double tokens, const RateLimit& limit) {
  const double seconds = (1.0 - tokens) / per_second(limit);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

RateCap::Bucket& RateCap::filled(const std::string& key, const RateLimit& limit, SteadyTime now) {
  const auto [found, is_new] = buckets_.try_emplace(key);
  Bucket& bucket = found->second;
  const double capacity = limit.actions;
  const double refill = is_new ? capacity : to_seconds(now - bucket.at) * per_second(limit);
  bucket.window = limit.window;
  bucket.tokens = std::min(capacity, bucket.tokens + refill);
  bucket.at = now;
  return bucket;
}

/// A bucket that nothing was taken from for its whole window is full: as good as none.
void RateCap::forget_full(SteadyTime now) {
  if (buckets_.size() < kMostBuckets) return;
  std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at > entry.second.window; });
}

std::optional<RateCap::Exceeded> RateCap::take(const std::string& key, const RateLimit& own, const RateLimit& total) {
  const SteadyTime now = clock_.steady_now();
  MutexLock lock(mutex_);
  forget_full(now);
  Bucket& shared = filled("", total, now);
  Bucket& mine = filled(key, own, now);
  if (mine.tokens < 1.0) return Exceeded{Exceeded::Which::kOwn, until_one(mine.tokens, own)};
  if (shared.tokens < 1.0) return Exceeded{Exceeded::Which::kTotal, until_one(shared.tokens, total)};
  mine.tokens -= 1.0;
  shared.tokens -= 1.0;
  return std::nullopt;
}

}  // namespace heal::actuator
