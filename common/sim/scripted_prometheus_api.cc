#include "common/sim/scripted_prometheus_api.h"

#include <utility>

#include "common/sim/wait_in.h"

namespace heal {

void ScriptedPrometheusApi::on(const std::string& expression, std::vector<PromSample> samples) {
  on(expression, Answer([samples = std::move(samples)]() -> Result<std::vector<PromSample>> { return samples; }));
}

void ScriptedPrometheusApi::on(const std::string& expression, Error error) {
  on(expression, Answer([error = std::move(error)]() -> Result<std::vector<PromSample>> { return error; }));
}

void ScriptedPrometheusApi::on(const std::string& expression, Answer answer) {
  MutexLock lock(mutex_);
  answers_[expression] = std::move(answer);
}

void ScriptedPrometheusApi::set_delay(Duration delay) {
  MutexLock lock(mutex_);
  delay_ = delay;
}

void ScriptedPrometheusApi::set_status(Status status) {
  MutexLock lock(mutex_);
  status_ = std::move(status);
}

std::vector<std::string> ScriptedPrometheusApi::queries() {
  MutexLock lock(mutex_);
  return queries_;
}

Result<std::vector<PromSample>> ScriptedPrometheusApi::query(const std::string& expression, Deadline deadline,
                                                             std::stop_token stop) {
  Answer answer;
  {
    MutexLock lock(mutex_);
    queries_.push_back(expression);
    const auto it = answers_.find(expression);
    if (it != answers_.end()) answer = it->second;
  }
  HEAL_TRY_STATUS(ready(deadline, std::move(stop)));
  if (!answer) {
    return make_error(ErrorCode::kInvalid, "Prometheus refuses the query: no answer is scripted for `{}`", expression);
  }
  HEAL_TRY(auto samples, answer());
  for (PromSample& sample : samples) {
    if (!sample.at) sample.at = clock_.now();
  }
  return samples;
}

Status ScriptedPrometheusApi::ready(Deadline deadline, std::stop_token stop) {
  Duration delay{};
  Status status;
  {
    MutexLock lock(mutex_);
    delay = delay_;
    status = status_;
  }
  HEAL_TRY_STATUS(wait_in(clock_, delay, deadline, std::move(stop), "Prometheus"));
  return status;
}

}  // namespace heal
