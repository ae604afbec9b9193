#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/model/event.h"
#include "common/wire/alertmanager.h"

namespace heal::remedy {

/// One of what was delivered that says nothing of a trouble, or of one that heal.yml leaves out.
struct IgnoredEvent {
  std::size_t index = 0;  ///< in what was delivered
  std::string reason;     ///< for people

  bool operator==(const IgnoredEvent&) const = default;
};

/// What one request of a sender holds.
struct Delivery {
  EventBatch batch;
  std::vector<RejectedAlert> rejected;
  std::vector<IgnoredEvent> ignored;
  bool has_good_ones = true;  ///< not everything was rejected

  bool operator==(const Delivery&) const = default;
};

/// An episode's key from what a sender names it by: `prefix` and `id`, or a digest of one that is long or has other
/// characters than a key should (a `#` tells further episodes apart).
std::string told_key(std::string_view prefix, std::string_view id);

}  // namespace heal::remedy
