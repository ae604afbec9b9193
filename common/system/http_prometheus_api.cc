#include "common/system/http_prometheus_api.h"

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/wire/prometheus.h"

namespace heal {

Result<std::vector<PromSample>> HttpPrometheusApi::query(const std::string& expression, Deadline deadline,
                                                         std::stop_token stop) {
  auto request = api_request(endpoint_, "POST", "/api/v1/query");
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.body = "query=" + percent_encode(expression);
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  // Refusals of Prometheus itself are JSON with a status of 4xx or 5xx; anything else comes from what is before it.
  const bool is_json = trim(answer.body).starts_with("{");
  if (!answer.ok() && !is_json) return api_error("Prometheus", answer);
  return parse_prometheus_query(answer.body);
}

Status HttpPrometheusApi::ready(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", "/-/ready"), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Prometheus", answer);
  return {};
}

}  // namespace heal
