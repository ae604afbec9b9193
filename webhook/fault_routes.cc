#include <utility>

#include "common/base/text.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/asker.h"
#include "webhook/query.h"

namespace heal::webhook {
namespace {

Json list_json(const std::vector<FaultLease>& leases) {
  Json list = Json::array();
  for (const auto& lease : leases)
    list.push_back(to_json(lease));
  return {{"faults", std::move(list)}};
}

Status check_enabled(const ApiTools& tools) {
  if (tools.world.get()->bundle.config.faults.enabled) return {};
  return make_error(ErrorCode::kRefused, "faults are not enabled: heal.yml has no `faults: {{enabled: true}}`");
}

Result<fault::FaultRequest> parse_fault(const httpd::HttpRequest& request, const Json& body) {
  HEAL_TRY_STATUS(check_members(body, {"target", "fault", "with", "for", "by", "dry_run"}));
  fault::FaultRequest out;
  HEAL_TRY(out.kind, get_string(body, "fault"));
  HEAL_TRY(const std::string target, get_string(body, "target"));
  HEAL_TRY(out.target, TargetId::parse(target).with_context("/target"));
  HEAL_TRY(const Labels params, get_optional_labels(body, "with"));
  out.params = {params.begin(), params.end()};
  HEAL_TRY(const auto ttl, get_optional_string(body, "for"));
  if (ttl) {
    HEAL_TRY(out.ttl, parse_duration(*ttl).with_context("/for"));
  }
  HEAL_TRY(const auto by, get_optional_string(body, "by"));
  out.owner = asker(request, by.value_or(""));
  return out;
}

Result<httpd::HttpResponse> inject(const ApiTools& tools, const httpd::HttpRequest& request) {
  HEAL_TRY_STATUS(check_enabled(tools));
  HEAL_TRY(const Json body, parse_json(request.body));
  HEAL_TRY(const fault::FaultRequest wanted, parse_fault(request, body));
  HEAL_TRY(const auto dry_run, get_optional_bool(body, "dry_run"));
  if (dry_run.value_or(false)) {
    HEAL_TRY_STATUS(tools.leases.check(wanted, {}));
    return answer(200, {{"dry_run", true}, {"allowed", true}});
  }
  HEAL_TRY(const FaultLease lease, tools.leases.inject(wanted, {}));
  return answer(201, {{"fault", to_json(lease)}});
}

/// What is to be undone stays possible when faults are no longer enabled.
Result<httpd::HttpResponse> revert(const ApiTools& tools, const httpd::HttpRequest& request) {
  HEAL_TRY(const Json body, parse_json(request.body));
  HEAL_TRY_STATUS(check_members(body, {"target", "id", "all", "by"}));
  if (body.count("target") + body.count("id") + body.count("all") != 1) {
    return make_error(ErrorCode::kInvalid, "expected one of target, id, all");
  }
  HEAL_TRY(const auto all, get_optional_bool(body, "all"));
  if (all.value_or(false)) return answer(200, list_json(tools.leases.revert_all({})));
  HEAL_TRY(const auto id, get_optional_string(body, "id"));
  if (id) {
    HEAL_TRY(const FaultLease lease, tools.leases.revert(*id, {}));
    return answer(200, list_json({lease}));
  }
  HEAL_TRY(const std::string text, get_string(body, "target"));
  HEAL_TRY(const TargetId target, TargetId::parse(text).with_context("/target"));
  auto lease = tools.leases.revert_target(target, {});
  if (!lease.has_value() && lease.error().code() == ErrorCode::kNotFound) return answer(200, list_json({}));
  if (!lease.has_value()) return std::move(lease).error();
  return answer(200, list_json({*lease}));
}

}  // namespace

void add_fault_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions view;
  view.role = "view";
  httpd::RouteOptions operate;
  operate.role = "operate";
  server.get("/api/v1/faults",
             with_query({}, [tools](const httpd::HttpRequest&) { return answer(200, list_json(tools.leases.list())); }),
             view);
  server.post("/api/v1/faults",
              with_query({}, [tools](const httpd::HttpRequest& request) { return or_error(inject(tools, request)); }),
              operate);
  server.post("/api/v1/faults/revert",
              with_query({}, [tools](const httpd::HttpRequest& request) { return or_error(revert(tools, request)); }),
              operate);
  server.handle(
      "DELETE", "/api/v1/faults/*",
      with_query({},
                 [tools](const httpd::HttpRequest& request) {
                   auto lease = tools.leases.revert(request.tail, {});
                   return lease.has_value() ? answer(200, {{"fault", to_json(*lease)}}) : answer_error(lease.error());
                 }),
      operate);
}

}  // namespace heal::webhook
