#include "common/remedy/check.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/remedy/words.h"

namespace heal::remedy {
namespace {

using playbook::Check;
using playbook::HealthCheck;

/// A service that does not answer as it should is bad news, not a failure to find out.
Answer of_error(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kCancelled:
    case ErrorCode::kInvalid:
    case ErrorCode::kInternal:
      return Answer::kUnknown;
    default:
      return Answer::kFail;
  }
}

CheckResult ask_http(const std::string& url, const std::vector<std::int64_t>& statuses, const Regex* body,
                     const Tools& tools, Deadline deadline, std::stop_token stop) {
  HttpClientRequest request;
  request.url = url;
  request.max_response_bytes = 1 << 20;
  request.too_long = HttpClientRequest::TooLong::kCut;
  auto response = tools.http.send(request, deadline, std::move(stop));
  if (!response.has_value()) return {of_error(response.error()), response.error().str()};
  const bool status_ok = statuses.empty()
                             ? response->ok()
                             : std::find(statuses.begin(), statuses.end(), response->status) != statuses.end();
  if (!status_ok) return {Answer::kFail, fmt::format("GET {}: status {}", url, response->status)};
  if (body != nullptr && !body->search(response->body))
    return {Answer::kFail, fmt::format("GET {}: the body does not match {}", url, body->pattern())};
  return {Answer::kPass, fmt::format("GET {}: status {}", url, response->status)};
}

CheckResult ask_tcp(const std::string& address, const Tools& tools, Deadline deadline, std::stop_token stop) {
  auto status = tools.dialer.connect(address, deadline, std::move(stop));
  if (!status.has_value())
    return {of_error(status.error()), fmt::format("connect to {}: {}", address, status.error().str())};
  return {Answer::kPass, fmt::format("connect to {}: accepted", address)};
}

CheckResult ask_container(const Check& check, const CheckScope& scope, Deadline deadline, std::stop_token stop) {
  if (!check.target) return {Answer::kUnknown, "the check names no container"};
  const std::string name = check.target->str();
  ContainerEngine* engine = scope.world.engine(check.target->engine);
  if (engine == nullptr) return {Answer::kUnknown, fmt::format("{}: no engine of that name is configured", name)};
  auto info = engine->inspect(check.target->name, deadline, std::move(stop));
  if (!info.has_value()) {
    const bool is_gone = info.error().code() == ErrorCode::kNotFound;
    return {is_gone ? Answer::kFail : Answer::kUnknown, fmt::format("{}: {}", name, info.error().str())};
  }
  return {info->status == check.state ? Answer::kPass : Answer::kFail, fmt::format("{} is {}", name, info->status)};
}

CheckResult ask_promql(const Check& check, const CheckScope& scope, Deadline deadline, std::stop_token stop) {
  if (!scope.world.prometheus) return {Answer::kUnknown, "promql: no Prometheus is configured"};
  const std::string what = fmt::format("promql {}", printable(check.address, 200));
  // The times first: the values asked for afterwards can only be newer.
  auto times = scope.world.prometheus->query(fmt::format("timestamp({})", check.address), deadline, stop);
  if (!times.has_value()) return {Answer::kUnknown, fmt::format("{}: {}", what, times.error().str())};
  auto samples = scope.world.prometheus->query(check.address, deadline, stop);
  if (!samples.has_value()) return {Answer::kUnknown, fmt::format("{}: {}", what, samples.error().str())};
  if (samples->empty() || times->empty()) return {Answer::kUnknown, fmt::format("{}: no samples", what)};
  if (scope.newer_than) {
    const double least = to_unix_seconds(*scope.newer_than);
    for (const auto& time : *times) {
      if (time.value <= least)
        return {Answer::kUnknown, fmt::format("{}: no sample is newer than the last step yet", what)};
    }
  }
  for (const auto& sample : *samples) {
    if (!playbook::compare(sample.value, check.comparison, check.bound)) {
      return {Answer::kFail, fmt::format("{}: {} is not {} {}", what, sample.value,
                                         playbook::to_string(check.comparison), check.bound)};
    }
  }
  return {Answer::kPass, fmt::format("{}: {} sample(s) {} {}", what, samples->size(),
                                     playbook::to_string(check.comparison), check.bound)};
}

CheckResult ask_alert(const CheckScope& scope, Deadline deadline, std::stop_token stop) {
  std::size_t alerts = 0;
  std::optional<CheckResult> unknown;
  for (const Episode& episode : scope.episodes) {
    if (episode.source != words::kAlertmanager) continue;
    ++alerts;
    if (episode.resolved_at) continue;
    if (scope.world.alertmanagers.empty())
      return {Answer::kFail, fmt::format("alert {} has not resolved", printable(episode.name))};
    const AlertAnswer answer = ask_alertmanagers(scope.world, episode, deadline, stop);
    if (answer.standing == AlertStanding::kGone) continue;
    if (answer.standing != AlertStanding::kUnknown) return {Answer::kFail, answer.message};
    unknown = CheckResult{Answer::kUnknown, answer.message};
  }
  if (alerts == 0) return {Answer::kUnknown, "no alert of the incident is known"};
  return unknown.value_or(CheckResult{Answer::kPass, "every alert of the incident has resolved"});
}

}  // namespace

std::string_view to_string(Answer answer) {
  constexpr std::array<std::string_view, 3> kNames{"pass", "fail", "unknown"};
  return kNames[static_cast<std::size_t>(answer)];
}

CheckResult ask_health(const HealthCheck& health, const Tools& tools, Deadline deadline, std::stop_token stop) {
  if (health.kind == HealthCheck::Kind::kTcp) return ask_tcp(health.address, tools, deadline, std::move(stop));
  return ask_http(health.address, {}, nullptr, tools, deadline, std::move(stop));
}

CheckResult ask(const Check& check, const CheckScope& scope, Deadline deadline, std::stop_token stop) {
  switch (check.kind) {
    case Check::Kind::kHealth:
      if (!check.health) return {Answer::kUnknown, "the inventory has no health check for this target"};
      return ask_health(*check.health, scope.tools, deadline, std::move(stop));
    case Check::Kind::kHttp:
      return ask_http(check.address, check.status, check.body ? &*check.body : nullptr, scope.tools, deadline,
                      std::move(stop));
    case Check::Kind::kTcp:
      return ask_tcp(check.address, scope.tools, deadline, std::move(stop));
    case Check::Kind::kPromql:
      return ask_promql(check, scope, deadline, std::move(stop));
    case Check::Kind::kContainer:
      return ask_container(check, scope, deadline, std::move(stop));
    case Check::Kind::kAlert:
      return ask_alert(scope, deadline, std::move(stop));
  }
  return {};
}

AlertAnswer ask_alertmanagers(const World& world, const Episode& episode, Deadline deadline, std::stop_token stop) {
  const std::string name = printable(episode.name);
  std::optional<AlertAnswer> problem;
  for (const auto& alertmanager : world.alertmanagers) {
    auto found = alertmanager->find(episode.labels, deadline, stop);
    if (!found.has_value()) {
      problem = AlertAnswer{AlertStanding::kUnknown, fmt::format("alert {}: {}", name, found.error().str())};
      continue;
    }
    if (!*found) continue;
    const ActiveAlert& alert = **found;
    if (!alert.silenced_by.empty())
      return {AlertStanding::kSilenced, fmt::format("alert {} is silenced by {}", name, alert.silenced_by.front())};
    if (!alert.inhibited_by.empty())
      return {AlertStanding::kInhibited, fmt::format("alert {} is inhibited by {}", name, alert.inhibited_by.front())};
    return {AlertStanding::kActive, fmt::format("alert {} is active", name)};
  }
  if (problem) return *problem;
  return {AlertStanding::kGone, fmt::format("alert {} is no longer held by Alertmanager", name)};
}

}  // namespace heal::remedy
