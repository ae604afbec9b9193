#include <utility>

#include "common/base/time.h"
#include "common/wire/json.h"
#include "heal_version.h"
#include "webhook/answers.h"
#include "webhook/api.h"

namespace heal::webhook {
namespace {

constexpr Duration kPatience = 2s;

Json reachable(const Status& status) {
  return {{"reachable", status.has_value()}, {"error", status.has_value() ? Json() : Json(status.error().str())}};
}

Json engines_json(const ApiTools& tools, const remedy::World& world) {
  Json list = Json::array();
  for (const auto& [name, engine] : world.engines) {
    auto version = engine->version(tools.clock.deadline_in(kPatience), {});
    Json item = reachable(version.has_value() ? Status() : Status(version.error()));
    item["name"] = name;
    if (version.has_value()) {
      item["version"] = version->engine;
      item["api"] = version->api;
    }
    list.push_back(std::move(item));
  }
  return list;
}

Json status_json(const ApiTools& tools) {
  const auto world = tools.world.get();
  const auto& config = world->bundle.config;
  Json out{{"version", kVersion},
           {"started_at", format_rfc3339_nano(tools.started_at)},
           {"accepting", tools.coordinator.is_accepting()},
           {"config", {{"file", tools.config_file}, {"playbooks", world->bundle.playbooks.size()}}},
           {"engines", engines_json(tools, *world)},
           {"prometheus", Json()},
           {"alertmanagers", Json::array()}};
  if (world->prometheus) {
    out["prometheus"] = reachable(world->prometheus->ready(tools.clock.deadline_in(kPatience), {}));
    out["prometheus"]["url"] = config.prometheus->url;
  }
  for (std::size_t i = 0; i < world->alertmanagers.size(); ++i) {
    Json item = reachable(world->alertmanagers[i]->ready(tools.clock.deadline_in(kPatience), {}));
    item["url"] = config.alertmanagers[i].url;
    out["alertmanagers"].push_back(std::move(item));
  }
  auto open = tools.store.open_incidents();
  out["store"] = reachable(open.has_value() ? Status() : Status(open.error()));
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

Result<httpd::HttpResponse> journal_json(const ApiTools& tools) {
  HEAL_TRY(const auto altered, tools.store.first_altered_entry());
  return answer(200, {{"intact", !altered.has_value()}, {"first_altered", altered ? Json(*altered) : Json()}});
}

}  // namespace

void add_status_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "view";
  server.get(
      "/api/v1/status", [tools](const httpd::HttpRequest&) { return answer(200, status_json(tools)); }, options);
  server.get(
      "/api/v1/journal",
      [tools](const httpd::HttpRequest&) {
        auto response = journal_json(tools);
        return response.has_value() ? std::move(*response) : answer_error(response.error());
      },
      options);
  server.get(
      "/api/v1/playbooks",
      [&world = tools.world](const httpd::HttpRequest&) { return answer(200, playbooks_json(*world.get())); }, options);
}

}  // namespace heal::webhook
