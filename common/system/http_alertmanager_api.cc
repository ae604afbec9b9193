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
constexpr std::string_view kAllAlerts = "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true";
constexpr std::size_t kMaxAlertsBytes = 64 << 20;

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

Result<std::vector<ActiveAlert>> HttpAlertmanagerApi::alerts(Deadline deadline, std::stop_token stop) {
  auto request = api_request(endpoint_, "GET", std::string(kAllAlerts));
  request.max_response_bytes = kMaxAlertsBytes;
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return parse_alertmanager_alerts(answer.body);
}

Result<WallTime> HttpAlertmanagerApi::started_at(Deadline deadline, std::stop_token stop) {
  const auto request = api_request(endpoint_, "GET", "/api/v2/status");
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return parse_alertmanager_uptime(answer.body);
}

Result<std::optional<ActiveAlert>> HttpAlertmanagerApi::find(const Labels& labels, Deadline deadline,
                                                             std::stop_token stop) {
  const auto path = std::string(kAllAlerts) + filters_for(labels);
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", path), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  HEAL_TRY(auto alerts, parse_alertmanager_alerts(answer.body));
  const auto found =
      std::find_if(alerts.begin(), alerts.end(), [&](const ActiveAlert& held) { return held.alert.labels == labels; });
  return found == alerts.end() ? std::optional<ActiveAlert>() : std::optional(std::move(*found));
}

Result<std::vector<ActiveAlert>> HttpAlertmanagerApi::active(const std::vector<Matcher>& matchers, Deadline deadline,
                                                             std::stop_token stop) {
  std::string path = "/api/v2/alerts?active=true&silenced=false&inhibited=false&unprocessed=true";
  for (const Matcher& matcher : matchers)
    path += "&filter=" + percent_encode(matcher.str());
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", path), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  HEAL_TRY(auto alerts, parse_alertmanager_alerts(answer.body));
  std::erase_if(alerts, [&](const ActiveAlert& held) {
    return !held.silenced_by.empty() || !held.inhibited_by.empty() || !all_match(matchers, held.alert.labels);
  });
  return alerts;
}

Status HttpAlertmanagerApi::post(const std::vector<Alert>& alerts, Deadline deadline, std::stop_token stop) {
  auto request = api_request(endpoint_, "POST", "/api/v2/alerts");
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = write_alertmanager_alerts(alerts);
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return {};
}

Result<std::vector<Silence>> HttpAlertmanagerApi::silences(Deadline deadline, std::stop_token stop) {
  auto request = api_request(endpoint_, "GET", "/api/v2/silences");
  request.max_response_bytes = kMaxAlertsBytes;
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return parse_alertmanager_silences(answer.body);
}

Result<std::string> HttpAlertmanagerApi::silence(const Silence& silence, Deadline deadline, std::stop_token stop) {
  auto request = api_request(endpoint_, "POST", "/api/v2/silences");
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = write_alertmanager_silence(silence);
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  if (answer.status == 404) return make_error(ErrorCode::kNotFound, "Alertmanager holds no silence {}", silence.id);
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return parse_alertmanager_silence_id(answer.body);
}

Status HttpAlertmanagerApi::expire_silence(const std::string& id, Deadline deadline, std::stop_token stop) {
  const auto request = api_request(endpoint_, "DELETE", "/api/v2/silence/" + percent_encode(id));
  HEAL_TRY(const auto answer, client_.send(request, deadline, std::move(stop)));
  // Older ones answer 500 with these words.
  const bool is_unknown = answer.body.find("not found") != std::string::npos;
  if (answer.status == 404 || (!answer.ok() && is_unknown))
    return make_error(ErrorCode::kNotFound, "Alertmanager holds no silence {}", id);
  const bool is_over = !answer.ok() && answer.body.find("already expired") != std::string::npos;
  if (!answer.ok() && !is_over) return api_error("Alertmanager", answer);
  return {};
}

Status HttpAlertmanagerApi::ready(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto answer, client_.send(api_request(endpoint_, "GET", "/-/ready"), deadline, std::move(stop)));
  if (!answer.ok()) return api_error("Alertmanager", answer);
  return {};
}

}  // namespace heal
