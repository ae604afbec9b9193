#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/prom_sample.h"

namespace heal::remedy {

/// Evaluates a PromQL expression now.
using AskPrometheus = std::function<Result<std::vector<PromSample>>(const std::string& expression)>;

/// How old the samples are that an expression reads.
struct SampleAge {
  std::string stale;               ///< why they may be older than was asked for; "" when none is
  std::optional<WallTime> oldest;  ///< when the oldest of them was taken, by Prometheus' clock; only when not stale
};

/// Whether all that `query` reads was sampled after `least`, the end of `event` (for people: "the last step"). An
/// expression's own timestamp would be the time of its evaluation: what it selects is asked, and what looks back must
/// not see that far from `now` any more.
SampleAge age_of_samples(const std::string& query, WallTime least, std::string_view event, WallTime now,
                         const AskPrometheus& ask);

}  // namespace heal::remedy
