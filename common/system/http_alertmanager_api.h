#pragma once

#include <utility>

#include "common/port/alertmanager_api.h"
#include "common/system/http_api.h"

namespace heal {

/// An Alertmanager's API v2, over an HttpClient that must outlive this.
class HttpAlertmanagerApi : public AlertmanagerApi {
 public:
  HttpAlertmanagerApi(HttpClient& client, ApiEndpoint endpoint) : client_(client), endpoint_(std::move(endpoint)) {}

  Result<std::optional<ActiveAlert>> find(const Labels& labels, Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ActiveAlert>> alerts(Deadline deadline, std::stop_token stop) override;
  Result<WallTime> started_at(Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ActiveAlert>> active(const std::vector<Matcher>& matchers, Deadline deadline,
                                          std::stop_token stop) override;
  Status post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) override;
  Result<std::vector<Silence>> silences(Deadline deadline, std::stop_token stop) override;
  Result<std::string> silence(const Silence& silence, Deadline deadline, std::stop_token stop) override;
  Status expire_silence(const std::string& id, Deadline deadline, std::stop_token stop) override;
  Status ready(Deadline deadline, std::stop_token stop) override;

 private:
  HttpClient& client_;
  const ApiEndpoint endpoint_;
};

}  // namespace heal
