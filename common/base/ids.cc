#include "common/base/ids.h"

#include <string_view>

namespace heal {

std::string make_ulid(WallTime time, std::uint64_t entropy_high, std::uint64_t entropy_low) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  auto millis = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
  std::string id(26, '0');
  for (std::size_t i = 10; i-- > 0; millis >>= 5)
    id[i] = kAlphabet[millis & 31];
  for (std::size_t i = 18; i-- > 10; entropy_high >>= 5)
    id[i] = kAlphabet[entropy_high & 31];
  for (std::size_t i = 26; i-- > 18; entropy_low >>= 5)
    id[i] = kAlphabet[entropy_low & 31];
  return id;
}

std::string UlidSequence::next(WallTime time, std::uint64_t entropy_high, std::uint64_t entropy_low) {
  constexpr std::uint64_t kHalf = (std::uint64_t{1} << 40) - 1;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  if (now > newest_) {
    newest_ = now;
    // Room to count on, whatever the entropy is.
    high_ = entropy_high & (kHalf >> 1);
    low_ = entropy_low & kHalf;
  } else {
    low_ = (low_ + 1) & kHalf;
    if (low_ == 0) ++high_;
  }
  return make_ulid(WallTime(newest_), high_, low_);
}

}  // namespace heal
