#include <array>
#include <memory>
#include <string_view>
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

using remedy::OperatorRequest;
using Verb = OperatorRequest::Verb;

struct VerbName {
  std::string_view name;
  Verb verb;
  std::string_view role;
};
constexpr std::array<VerbName, 4> kVerbs{{{"approve", Verb::kApprove, "approve"},
                                          {"reject", Verb::kReject, "approve"},
                                          {"cancel", Verb::kCancel, "operate"},
                                          {"retry", Verb::kRetry, "operate"}}};

Result<OperatorRequest> parse(const httpd::HttpRequest& request, Verb verb) {
  Json body = Json::object();
  if (!trim(request.body).empty()) {
    HEAL_TRY(body, parse_json(request.body));
  }
  HEAL_TRY_STATUS(verb == Verb::kApprove ? check_members(body, {"by", "plan_hash", "reason"})
                                         : check_members(body, {"by", "reason"}));
  OperatorRequest out;
  out.verb = verb;
  out.incident_id = request.tail;
  HEAL_TRY(const auto by, get_optional_string(body, "by"));
  // Two approvals must be of two people: what the body claims does not count where users are known.
  out.by = verb == Verb::kApprove && !request.user.empty() ? request.user : asker(request, by.value_or(""));
  HEAL_TRY(const auto reason, get_optional_string(body, "reason"));
  out.reason = printable(reason.value_or(""), 500);
  if (verb == Verb::kApprove) {
    HEAL_TRY(out.plan_hash, get_string(body, "plan_hash"));
  }
  return out;
}

}  // namespace

void add_operate_routes(httpd::HttpServer& server, const ApiTools& tools) {
  for (const auto& [name, verb, role] : kVerbs) {
    httpd::RouteOptions options;
    options.role = role;
    server.handle_deferred(
        "POST", fmt::format("/api/v1/incidents/*/{}", name),
        with_query({},
                   [tools, verb = verb](const httpd::HttpRequest& request, httpd::Responder responder) {
                     auto operation = parse(request, verb);
                     if (!operation.has_value()) return responder.send(answer_error(operation.error()));
                     auto shared = std::make_shared<httpd::Responder>(std::move(responder));
                     tools.coordinator.operate(std::move(*operation), [shared](Result<Incident> result) {
                       if (!result.has_value()) return shared->send(answer_error(result.error()));
                       shared->send(answer(202, {{"incident", to_json(*result)}}));
                     });
                   }),
        options);
  }
}

}  // namespace heal::webhook
