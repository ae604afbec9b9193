#pragma once

#include <utility>

#include "common/port/prometheus_api.h"
#include "common/system/http_api.h"

namespace heal {

/// A Prometheus server's API v1, over an HttpClient that must outlive this.
class HttpPrometheusApi : public PrometheusApi {
 public:
  HttpPrometheusApi(HttpClient& client, ApiEndpoint endpoint) : client_(client), endpoint_(std::move(endpoint)) {}

  Result<std::vector<PromSample>> query(const std::string& expression, Deadline deadline,
                                        std::stop_token stop) override;
  Status ready(Deadline deadline, std::stop_token stop) override;

 private:
  HttpClient& client_;
  const ApiEndpoint endpoint_;
};

}  // namespace heal
