#pragma once

#include <optional>

#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

/// One element of an instant query's answer.
struct PromSample {
  Labels labels;
  double value = 0;
  std::optional<WallTime> at;  ///< time of the answer, not of the scrape

  bool operator==(const PromSample&) const = default;
};

}  // namespace heal
