#include <utility>

#include "common/fault/fault_api.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/asker.h"
#include "webhook/query.h"

namespace heal::webhook {
namespace {

Status check_enabled(const ApiTools& tools) {
  if (tools.world.get()->bundle.config.faults.enabled) return {};
  return make_error(ErrorCode::kRefused, "faults are not enabled: heal.yml has no `faults: {{enabled: true}}`");
}

Result<fault::FaultApi::Injected> inject_when_enabled(const ApiTools& tools, const httpd::HttpRequest& request) {
  HEAL_TRY_STATUS(check_enabled(tools));
  return fault::FaultApi(tools.leases).inject(request.body, [&](const std::string& claimed) {
    return asker(request, claimed);
  });
}

httpd::HttpResponse answer_faults(const Result<Json>& body) {
  return body.has_value() ? answer(200, *body) : answer_error(body.error());
}

}  // namespace

void add_fault_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions view;
  view.role = "view";
  httpd::RouteOptions operate;
  operate.role = "operate";
  const fault::FaultApi api(tools.leases);
  server.get("/api/v1/faults", with_query({}, [api](const httpd::HttpRequest&) { return answer(200, api.list()); }),
             view);
  server.post("/api/v1/faults",
              with_query({},
                         [tools](const httpd::HttpRequest& request) {
                           const auto injected = inject_when_enabled(tools, request);
                           return injected.has_value() ? answer(injected->status, injected->body)
                                                       : answer_error(injected.error());
                         }),
              operate);
  // What is to be undone stays possible when faults are no longer enabled.
  server.post(
      "/api/v1/faults/revert",
      with_query({}, [api](const httpd::HttpRequest& request) { return answer_faults(api.revert(request.body)); }),
      operate);
  server.handle(
      "DELETE", "/api/v1/faults/*",
      with_query({}, [api](const httpd::HttpRequest& request) { return answer_faults(api.revert_one(request.tail)); }),
      operate);
}

}  // namespace heal::webhook
