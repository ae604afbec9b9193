#include "common/system/http_alertmanager_api.h"

#include <algorithm>

#include "common/base/url.h"
#include "common/model/matcher.h"
#include "common/wire/alertmanager.h"

namespace heal {
namespace {

/// Enough to make the answer small; the labels themselves are compared here.
constexpr std::size_t kMaxFilters = 8;
constexpr std::size_t kMaxFilterBytes = 512;

std::string filters_for(const Labels& labels) {
  std::string query;
  std::size_t count = 0;
  for (const auto& [name, value] : labels) {
    if (count == kMaxFilters) break;
    if (!is_label_name(name) || value.empty() || value.size() > kMaxFilterBytes) continue;
    const auto matcher = Matcher::create(name, Matcher::Op::kEqual, value);
    if (!matcher) continue;
    query += "&filter=" + percent_encode(matcher->str());
    ++count;
  }
  return query;
}

}  // namespace

Result<std::optional<ActiveAlert>> HttpAlertmanagerApi::find(const Labels& labels, Deadline deadline,
                                                             std::stop_token stop) {
  const auto path = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true" + filters_for(labels);
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", path), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  HEAL_TRY(auto alerts, parse_alertmanager_alerts(answer.body));
  const auto found =
      std::find_if(alerts.begin(), alerts.end(), [&](const ActiveAlert& held) { return held.alert.labels == labels; });
  return found == alerts.end() ? std::optional<ActiveAlert>() : std::optional(std::move(*found));
}

Status HttpAlertmanagerApi::post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) {
  auto request = api_request(endpoint_, "POST", "/api/v2/alerts");
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = write_alertmanager_alerts(alerts);
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return {};
}

Status HttpAlertmanagerApi::ready(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", "/-/ready"), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return {};
}

}  // namespace heal
