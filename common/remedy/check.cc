#include "common/remedy/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/remedy/sample_age.h"
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
  const std::string shown = public_url(url);
  request.max_response_bytes = 1 << 20;
  request.too_long = HttpClientRequest::TooLong::kCut;
  auto response = tools.http.send(request, deadline, std::move(stop));
  if (!response.has_value()) return {of_error(response.error()), response.error().str()};
  const bool status_ok = statuses.empty()
                             ? response->ok()
                             : std::find(statuses.begin(), statuses.end(), response->status) != statuses.end();
  if (!status_ok) return {Answer::kFail, fmt::format("GET {}: status {}", shown, response->status)};
  if (body != nullptr && !body->search(response->body))
    return {Answer::kFail, fmt::format("GET {}: the body does not match {}", shown, body->pattern())};
  return {Answer::kPass, fmt::format("GET {}: status {}", shown, response->status)};
}

CheckResult ask_tcp(const std::string& address, const Tools& tools, Deadline deadline, std::stop_token stop) {
  auto status = tools.dialer.connect(address, deadline, std::move(stop));
  if (!status.has_value()) return {of_error(status.error()), status.error().str()};  // it names the address
  return {Answer::kPass, fmt::format("connect to {}: accepted", address)};
}

CheckResult ask_dns(const Check& check, const Tools& tools, Deadline deadline, std::stop_token stop) {
  if (tools.dns == nullptr) return {Answer::kUnknown, "no name server can be asked here"};
  const DnsLookup lookup{check.server, check.address, check.record_type};
  const auto reply = tools.dns->look_up(lookup, deadline, std::move(stop));
  // A server that is named is what was asked; the machine's own resolver is how we find out.
  if (!reply.has_value())
    return {check.server.empty() ? Answer::kUnknown : of_error(reply.error()), reply.error().str()};
  const std::string what = lookup.str();
  if (reply->rcode != "NOERROR") return {Answer::kFail, fmt::format("{}: {}", what, reply->rcode)};
  if (reply->records.empty()) return {Answer::kFail, fmt::format("{}: no such record", what)};
  const auto is_wanted = [&](const std::string& record) { return !check.answer || check.answer->full_match(record); };
  const auto found = std::find_if(reply->records.begin(), reply->records.end(), is_wanted);
  const std::string seen = printable(found == reply->records.end() ? reply->records.front() : *found, 200);
  if (found != reply->records.end()) return {Answer::kPass, fmt::format("{}: {}", what, seen)};
  return {Answer::kFail, fmt::format("{}: {} (of {} record(s)) does not match {}", what, seen, reply->records.size(),
                                     check.answer->pattern())};
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
  if (scope.newer_than) {
    const auto query = [&](const std::string& expression) {
      return scope.world.prometheus->query(expression, deadline, stop);
    };
    const SampleAge age =
        age_of_samples(check.address, *scope.newer_than, "the last step", scope.tools.clock.now(), query);
    if (!age.stale.empty()) return {Answer::kUnknown, fmt::format("{}: {}", what, age.stale)};
  }
  auto samples = scope.world.prometheus->query(check.address, deadline, stop);
  if (!samples.has_value()) return {Answer::kUnknown, fmt::format("{}: {}", what, samples.error().str())};
  if (samples->empty()) return {Answer::kUnknown, fmt::format("{}: no samples", what)};
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
  std::vector<Episode> firing;
  for (const Episode& episode : scope.episodes) {
    const bool is_told = words::is_told_only(episode.source);
    if (episode.source != words::kAlertmanager && !is_told) continue;
    ++alerts;
    if (episode.resolved_at) continue;
    if (is_told) return {Answer::kFail, fmt::format("alert {} has not resolved", printable(episode.name))};
    firing.push_back(episode);
  }
  if (alerts == 0) return {Answer::kUnknown, "no alert of the incident is known"};
  const CheckResult passed{Answer::kPass, "every alert of the incident has resolved"};
  if (firing.empty()) return passed;
  if (scope.world.alertmanagers.empty())
    return {Answer::kFail, fmt::format("alert {} has not resolved", printable(firing.front().name))};
  std::optional<CheckResult> unknown;
  for (const AlertAnswer& answer : ask_alertmanagers(scope.world, firing, deadline, stop)) {
    if (answer.standing == AlertStanding::kGone) continue;
    if (answer.standing != AlertStanding::kUnknown) return {Answer::kFail, answer.message};
    unknown = CheckResult{Answer::kUnknown, answer.message};
  }
  if (unknown) return *unknown;
  const Status heard = are_up_for_long(scope.world, scope.tools.clock, deadline, std::move(stop));
  return heard.has_value() ? passed : CheckResult{Answer::kUnknown, heard.error().str()};
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
    case Check::Kind::kDns:
      return ask_dns(check, scope.tools, deadline, std::move(stop));
    case Check::Kind::kPromql:
      return ask_promql(check, scope, deadline, std::move(stop));
    case Check::Kind::kContainer:
      return ask_container(check, scope, deadline, std::move(stop));
    case Check::Kind::kAlert:
      return ask_alert(scope, deadline, std::move(stop));
  }
  return {};
}

namespace {

/// A silence of a heal's own step says nothing of what people want. "" when there are no others.
std::string silenced_by_others(AlertmanagerApi& api, const ActiveAlert& alert, Deadline deadline,
                               std::stop_token stop) {
  if (alert.silenced_by.empty()) return "";
  const auto all = api.silences(deadline, std::move(stop));
  if (!all.has_value()) return alert.silenced_by.front();
  for (const std::string& id : alert.silenced_by) {
    const auto is_own = [&](const Silence& silence) {
      return silence.id == id && silence.created_by == words::kSilenceCreator;
    };
    if (std::none_of(all->begin(), all->end(), is_own)) return id;
  }
  return "";
}

}  // namespace

namespace {

/// From so many on an Alertmanager is asked for all that it holds.
constexpr std::size_t kManyEpisodes = 4;

AlertAnswer standing_of(AlertmanagerApi& api, const ActiveAlert& alert, const std::string& name, Deadline deadline,
                        std::stop_token stop) {
  if (const auto silence = silenced_by_others(api, alert, deadline, std::move(stop)); !silence.empty())
    return {AlertStanding::kSilenced, fmt::format("alert {} is silenced by {}", name, silence)};
  if (!alert.inhibited_by.empty())
    return {AlertStanding::kInhibited, fmt::format("alert {} is inhibited by {}", name, alert.inhibited_by.front())};
  return {AlertStanding::kActive, fmt::format("alert {} is active", name)};
}

Result<std::vector<std::optional<ActiveAlert>>> find_all(AlertmanagerApi& api, const std::vector<Episode>& episodes,
                                                         Deadline deadline, std::stop_token stop) {
  std::vector<std::optional<ActiveAlert>> out;
  if (episodes.size() < kManyEpisodes) {
    for (const Episode& episode : episodes) {
      HEAL_TRY(auto found, api.find(episode.labels, deadline, stop));
      out.push_back(std::move(found));
    }
    return out;
  }
  HEAL_TRY(auto all, api.alerts(deadline, std::move(stop)));
  std::map<Labels, ActiveAlert> held;
  for (ActiveAlert& alert : all) {
    Labels labels = alert.alert.labels;
    held.insert_or_assign(std::move(labels), std::move(alert));
  }
  for (const Episode& episode : episodes) {
    const auto it = held.find(episode.labels);
    out.push_back(it == held.end() ? std::nullopt : std::optional(it->second));
  }
  return out;
}

}  // namespace

AlertAnswer ask_alertmanagers(const World& world, const Episode& episode, Deadline deadline, std::stop_token stop) {
  return ask_alertmanagers(world, std::vector<Episode>{episode}, deadline, std::move(stop)).front();
}

std::vector<AlertAnswer> ask_alertmanagers(const World& world, const std::vector<Episode>& episodes, Deadline deadline,
                                           std::stop_token stop) {
  std::vector<AlertAnswer> out;
  for (const Episode& episode : episodes) {
    const std::string name = printable(episode.name);
    out.push_back({AlertStanding::kGone, fmt::format("alert {} is no longer held by Alertmanager", name)});
  }
  std::vector<bool> is_told(episodes.size());
  for (const auto& alertmanager : world.alertmanagers) {
    const auto found = find_all(*alertmanager, episodes, deadline, stop);
    for (std::size_t i = 0; i < episodes.size(); ++i) {
      if (is_told[i]) continue;
      const std::string name = printable(episodes[i].name);
      if (!found.has_value()) {
        out[i] = {AlertStanding::kUnknown, fmt::format("alert {}: {}", name, found.error().str())};
      } else if ((*found)[i]) {
        out[i] = standing_of(*alertmanager, *(*found)[i], name, deadline, stop);
        is_told[i] = true;
      }
    }
  }
  return out;
}

Status are_up_for_long(const World& world, Clock& clock, Deadline deadline, std::stop_token stop) {
  const Duration least = 2 * world.bundle.config.sources.absence.resend_interval;
  for (const auto& alertmanager : world.alertmanagers) {
    HEAL_TRY(const WallTime started, alertmanager->started_at(deadline, stop));
    const Duration uptime = clock.now() - started;
    if (uptime <= least)
      return make_error(ErrorCode::kUnavailable, "an Alertmanager has been up for {} only",
                        format_duration_short(std::max(uptime, Duration{})));
  }
  return {};
}

ActiveAlerts ask_active_alerts(const World& world, const std::vector<std::vector<Matcher>>& any, Deadline deadline,
                               std::stop_token stop) {
  ActiveAlerts out;
  if (world.alertmanagers.empty()) out.error = "no Alertmanager is configured";
  for (const auto& alertmanager : world.alertmanagers) {
    for (const auto& matchers : any) {
      auto active = alertmanager->active(matchers, deadline, stop);
      if (!active.has_value()) {
        out.error = active.error().str();
        continue;
      }
      for (ActiveAlert& held : *active) {
        if (std::find(out.alerts.begin(), out.alerts.end(), held.alert.labels) == out.alerts.end())
          out.alerts.push_back(std::move(held.alert.labels));
      }
    }
  }
  return out;
}

}  // namespace heal::remedy
