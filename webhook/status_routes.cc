#include <memory>
#include <utility>

#include "common/base/time.h"
#include "common/wire/json.h"
#include "heal_version.h"
#include "webhook/access.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/query.h"
#include "webhook/reachability.h"

namespace heal::webhook {
namespace {

/// Who asks, and what he may do.
Json user_json(const std::string& user, const playbook::HealConfig& config) {
  using playbook::Role;
  Json roles = Json::array();
  for (const Role role : {Role::kIngest, Role::kView, Role::kOperate, Role::kApprove}) {
    const auto name = playbook::to_string(role);
    if (may_use(config, user, name)) roles.push_back(name);
  }
  return {{"name", user}, {"roles", std::move(roles)}};
}

Json status_json(const ApiTools& tools, Reachability& reachability, const std::string& user) {
  const auto world = tools.world.get();
  const auto& config = world->bundle.config;
  Json out = reachability.json();
  out["version"] = kVersion;
  out["started_at"] = format_rfc3339_nano(tools.started_at);
  out["accepting"] = tools.coordinator.is_accepting();
  out["config"] = {{"file", tools.config_file}, {"playbooks", world->bundle.playbooks.size()}};
  auto open = tools.store.open_incidents();
  out["store"] = reachable_json(open.has_value() ? Status() : Status(open.error()));
  const auto controls = tools.coordinator.controls();
  const bool is_storm = controls->storm && controls->storm->is_active(tools.clock.now());
  out["storm"] = is_storm ? remedy::to_json(*controls->storm) : Json();
  out["you"] = user_json(user, config);
  out["open_incidents"] = open.has_value() ? Json(open->size()) : Json();
  return out;
}

Json playbooks_json(const remedy::World& world) {
  Json list = Json::array();
  for (const auto& [name, book] : world.bundle.playbooks) {
    Json params = Json::array();
    for (const auto& param : book.params)
      params.push_back({{"name", param.name},
                        {"type", playbook::to_string(param.type.type)},
                        {"description", param.description},
                        {"default", param.default_value ? Json(*param.default_value) : Json()}});
    Json steps = Json::array();
    for (const auto& step : book.steps)
      steps.push_back({{"name", step.name}, {"kind", step.kind}});
    list.push_back({{"name", name},
                    {"summary", book.summary},
                    {"mode", playbook::to_string(book.mode)},
                    {"file", book.file},
                    {"params", std::move(params)},
                    {"steps", std::move(steps)}});
  }
  return {{"playbooks", std::move(list)}};
}

}  // namespace

void add_status_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "view";
  const auto reachability = std::make_shared<Reachability>(tools.world, tools.clock);
  server.get("/api/v1/status",
             with_query({},
                        [tools, reachability](const httpd::HttpRequest& request) {
                          return answer(200, status_json(tools, *reachability, request.user));
                        }),
             options);
  server.get("/api/v1/playbooks",
             with_query({}, [&world = tools.world](
                                const httpd::HttpRequest&) { return answer(200, playbooks_json(*world.get())); }),
             options);
}

}  // namespace heal::webhook
