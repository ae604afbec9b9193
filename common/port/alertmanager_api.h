#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/alert.h"

namespace heal {

/// Alertmanager's API v2. Thread-safe. Errors as HttpClient's.
class AlertmanagerApi {
 public:
  virtual ~AlertmanagerApi() = default;
  /// The alert with exactly these labels; nullopt when Alertmanager holds none (resolved, or it has restarted).
  virtual Result<std::optional<ActiveAlert>> find(const Labels& labels, Deadline deadline, std::stop_token stop) = 0;
  virtual Status post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) = 0;
  virtual Status ready(Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
