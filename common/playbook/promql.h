#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal::playbook {

/// What a PromQL expression reads, as far as it takes to tell how old that is.
struct PromqlReads {
  std::vector<std::string> selectors;  ///< each as an instant selector, in order, without repetitions: `up{job="x"}`
  Duration looks_back{};               ///< at most so far back, by ranges, subqueries and offsets
  bool joins_labels = false;           ///< `or`, group_left or group_right may bring labels of other series

  bool operator==(const PromqlReads&) const = default;
};

/// Reads `expression` without judging whether it is right: Prometheus does. kInvalid where what it reads cannot be
/// told, or is pinned to a time by `@`.
Result<PromqlReads> promql_reads(std::string_view expression);

}  // namespace heal::playbook
