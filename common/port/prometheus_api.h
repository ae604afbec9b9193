#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/prom_sample.h"

namespace heal {

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
