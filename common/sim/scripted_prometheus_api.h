#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/prometheus_api.h"

namespace heal {

/// A Prometheus whose answers are scripted. An expression without a script is kInvalid, so that a test cannot pass
/// because of a typing error. Thread-safe.
class ScriptedPrometheusApi : public PrometheusApi {
 public:
  using Answer = std::function<Result<std::vector<PromSample>>()>;

  explicit ScriptedPrometheusApi(Clock& clock) : clock_(clock) {}

  /// What `expression` gives from now on. A sample without a time gets the clock's now.
  void on(const std::string& expression, std::vector<PromSample> samples);
  void on(const std::string& expression, Error error);
  void on(const std::string& expression, Answer answer);
  /// How long every answer takes from now on.
  void set_delay(Duration delay);
  /// Makes every call fail with `error`, until it is given success again.
  void set_status(Status status);

  /// All expressions that were asked for, in order.
  std::vector<std::string> queries();

  Result<std::vector<PromSample>> query(const std::string& expression, Deadline deadline,
                                        std::stop_token stop) override;
  Status ready(Deadline deadline, std::stop_token stop) override;

 private:
  Clock& clock_;

  Mutex mutex_;
  std::map<std::string, Answer> answers_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::string> queries_ HEAL_GUARDED_BY(mutex_);
  Duration delay_ HEAL_GUARDED_BY(mutex_){};
  Status status_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
