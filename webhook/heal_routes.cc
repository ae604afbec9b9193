#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/asker.h"
#include "webhook/query.h"

namespace heal::webhook {
namespace {

using remedy::HealAnswer;
using remedy::HealRequest;

Result<HealRequest> parse_heal(const httpd::HttpRequest& request) {
  HEAL_TRY(const Json body, parse_json(request.body));
  HEAL_TRY_STATUS(check_members(body, {"playbook", "target", "params", "by", "dry_run"}));
  HealRequest heal;
  HEAL_TRY(heal.playbook, get_string(body, "playbook"));
  HEAL_TRY(const std::string target, get_string(body, "target"));
  HEAL_TRY(heal.target, TargetId::parse(target).with_context("/target"));
  HEAL_TRY(heal.params, get_optional_labels(body, "params"));
  HEAL_TRY(const auto dry_run, get_optional_bool(body, "dry_run"));
  if (dry_run.value_or(false)) heal.dry_run = HealRequest::Rehearse::kYes;
  HEAL_TRY(const auto by, get_optional_string(body, "by"));
  heal.by = asker(request, by.value_or(""));
  return heal;
}

Result<std::string> required(const httpd::HttpRequest& request, std::string_view name) {
  const auto value = request.param(name);
  if (!value || value->empty()) return make_error(ErrorCode::kInvalid, "{}: required", name);
  return std::string(*value);
}

/// The same question as a heal with `dry_run`, by query: whoever may only look may ask it.
Result<HealRequest> parse_plan(const httpd::HttpRequest& request) {
  HealRequest heal;
  heal.dry_run = HealRequest::Rehearse::kYes;
  HEAL_TRY(heal.playbook, required(request, "playbook"));
  HEAL_TRY(const std::string target, required(request, "target"));
  HEAL_TRY(heal.target, TargetId::parse(target).with_context("target"));
  for (const std::string_view pair : request.params("set")) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return make_error(ErrorCode::kInvalid, "set: expected NAME=VALUE, got \"{}\"", printable(pair, 80));
    const auto [it, is_new] = heal.params.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    if (!is_new) return make_error(ErrorCode::kInvalid, "set: {} is given twice", printable(it->first, 80));
  }
  heal.by = asker(request, "");
  return heal;
}

Json parsed_or_null(const std::string& text) {
  if (text.empty()) return {};
  auto json = parse_json(text);
  return json.has_value() ? std::move(*json) : Json();
}

httpd::HttpResponse show(const HealAnswer& heal) {
  switch (heal.kind) {
    case HealAnswer::Kind::kStarted:
      return answer(202, {{"incident", heal.incident->id}, {"state", to_string(heal.incident->state)}});
    case HealAnswer::Kind::kRehearsed:
      return answer(200, {{"dry_run", true},
                          {"reason", heal.reason},
                          {"message", heal.message},
                          {"decision", parsed_or_null(heal.decision)},
                          {"plan", parsed_or_null(heal.plan)},
                          {"explain", heal.explained}});
    case HealAnswer::Kind::kRefused:
      break;
  }
  Json body{{"error", {{"code", "refused"}, {"message", fmt::format("{}: {}", heal.reason, heal.message)}}},
            {"reason", heal.reason}};
  if (heal.incident) {
    body["incident"] = heal.incident->id;
    body["state"] = to_string(heal.incident->state);
  }
  return answer(409, body);
}

/// A route that asks the coordinator for what `parse` reads from the request.
template <typename Parse>
httpd::DeferredHandler heal_handler(remedy::Coordinator& coordinator, Parse parse) {
  return [&coordinator, parse](const httpd::HttpRequest& request, httpd::Responder responder) {
    auto heal = parse(request);
    if (!heal.has_value()) return responder.send(answer_error(heal.error()));
    auto shared = std::make_shared<httpd::Responder>(std::move(responder));
    coordinator.heal(std::move(*heal), [shared](Result<HealAnswer> result) {
      shared->send(result.has_value() ? show(*result) : answer_error(result.error()));
    });
  };
}

}  // namespace

std::string asker(const httpd::HttpRequest& request, const std::string& claimed) {
  if (request.user.empty()) return claimed.empty() ? "anonymous" : printable(claimed);
  return claimed.empty() || claimed == request.user ? request.user
                                                    : fmt::format("{} ({})", request.user, printable(claimed));
}

void add_heal_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "operate";
  server.handle_deferred("POST", "/api/v1/heals", with_query({}, heal_handler(tools.coordinator, parse_heal)), options);
  options.role = "view";
  server.handle_deferred("GET", "/api/v1/plan",
                         with_query({{"playbook", "target"}, {"set"}}, heal_handler(tools.coordinator, parse_plan)),
                         options);
}

}  // namespace heal::webhook
