#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/labels.h"

namespace heal {

/// One element of an instant query's answer.
struct PromSample {
  Labels labels;
  double value = 0;
  std::optional<WallTime> at;  ///< time of the answer, not of the scrape
};

/// Prometheus' HTTP API v1. Thread-safe. Errors as HttpClient's; kInvalid when Prometheus refuses the expression.
class PrometheusApi {
 public:
  virtual ~PrometheusApi() = default;
  /// Evaluates `expression` now. A scalar gives one sample without labels.
  virtual Result<std::vector<PromSample>> query(const std::string& expression, Deadline deadline,
                                                std::stop_token stop) = 0;
  virtual Status ready(Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
