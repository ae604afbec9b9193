#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/alert.h"
#include "common/model/matcher.h"

namespace heal {

/// Alertmanager's API v2. Thread-safe. Errors as HttpClient's.
class AlertmanagerApi {
 public:
  virtual ~AlertmanagerApi() = default;
  /// The alert with exactly these labels; nullopt when Alertmanager holds none (resolved, or it has restarted).
  virtual Result<std::optional<ActiveAlert>> find(const Labels& labels, Deadline deadline, std::stop_token stop) = 0;
  /// All alerts that it holds, silenced and inhibited ones included.
  virtual Result<std::vector<ActiveAlert>> alerts(Deadline deadline, std::stop_token stop) = 0;
  /// When it was started: one that has just started holds nothing yet.
  virtual Result<WallTime> started_at(Deadline deadline, std::stop_token stop) = 0;
  /// The alerts that are active (neither silenced nor inhibited) and match all of `matchers`.
  virtual Result<std::vector<ActiveAlert>> active(const std::vector<Matcher>& matchers, Deadline deadline,
                                                  std::stop_token stop) = 0;
  virtual Status post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) = 0;
  /// All silences that have not ended, also those that have not begun.
  virtual Result<std::vector<Silence>> silences(Deadline deadline, std::stop_token stop) = 0;
  /// Makes a silence, or changes the one with `silence.id`; gives its id, which may be a new one after a change.
  virtual Result<std::string> silence(const Silence& silence, Deadline deadline, std::stop_token stop) = 0;
  /// Ends a silence now. kNotFound when there is none of that id; success when it has ended already.
  virtual Status expire_silence(const std::string& id, Deadline deadline, std::stop_token stop) = 0;
  virtual Status ready(Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
