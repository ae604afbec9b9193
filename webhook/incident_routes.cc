#include <utility>

#include "common/base/text.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/explain.h"

namespace heal::webhook {
namespace {

constexpr std::size_t kDefaultPage = 50;
constexpr std::size_t kMostPage = 1000;

std::string param_or_empty(const httpd::HttpRequest& request, std::string_view name) {
  return std::string(request.param(name).value_or(""));
}

Result<IncidentQuery> query_of(const httpd::HttpRequest& request) {
  IncidentQuery query;
  for (std::string_view list : request.params("state")) {
    for (std::string_view word : split(list, ',')) {
      if (trim(word).empty()) continue;
      const auto state = parse_incident_state(trim(word));
      if (!state) return make_error(ErrorCode::kInvalid, "state: \"{}\" is no state of an incident", printable(word));
      query.states.push_back(*state);
    }
  }
  query.target = param_or_empty(request, "target");
  query.playbook = param_or_empty(request, "playbook");
  query.before_id = param_or_empty(request, "cursor");
  if (const auto since = request.param("since"); since && !since->empty()) {
    auto time = parse_rfc3339(*since);
    if (!time.has_value() || !*time) return make_error(ErrorCode::kInvalid, "since: expected an RFC 3339 time");
    query.since = **time;
  }
  query.limit = kDefaultPage;
  if (const auto limit = request.param("limit"); limit && !limit->empty()) {
    const auto number = parse_int(*limit);
    if (!number || *number < 1 || *number > static_cast<std::int64_t>(kMostPage))
      return make_error(ErrorCode::kInvalid, "limit: expected a whole number from 1 to {}", kMostPage);
    query.limit = static_cast<std::size_t>(*number);
  }
  return query;
}

httpd::HttpResponse list_incidents(Store& store, const httpd::HttpRequest& request) {
  auto query = query_of(request);
  if (!query.has_value()) return answer_error(query.error());
  auto incidents = store.incidents(*query);
  if (!incidents.has_value()) return answer_error(incidents.error());
  Json list = Json::array();
  for (const auto& incident : *incidents)
    list.push_back(to_json(incident));
  Json cursor;
  if (incidents->size() == query->limit) cursor = incidents->back().id;
  return answer(200, {{"incidents", std::move(list)}, {"next_cursor", std::move(cursor)}});
}

Result<Json> timeline_json(const std::vector<TimelineEntry>& timeline) {
  Json list = Json::array();
  for (const auto& entry : timeline)
    list.push_back(to_json(entry));
  return list;
}

Result<Json> show_incident(Store& store, const std::string& id, std::string_view part) {
  HEAL_TRY(const auto incident, store.incident(id));
  if (!incident) return make_error(ErrorCode::kNotFound, "there is no incident {}", printable(id, 40));
  HEAL_TRY(const auto timeline, store.timeline(id));
  HEAL_TRY(Json entries, timeline_json(timeline));
  if (part == "timeline") return Json{{"timeline", std::move(entries)}};
  if (part == "explain") return Json{{"incident", to_json(*incident)}, {"text", explain_incident(*incident, timeline)}};
  if (!part.empty()) return make_error(ErrorCode::kNotFound, "an incident has no {}", printable(part, 40));
  HEAL_TRY(const auto episodes, store.episodes_of(id));
  Json list = Json::array();
  for (const auto& episode : episodes)
    list.push_back(to_json(episode));
  return Json{{"incident", to_json(*incident)}, {"timeline", std::move(entries)}, {"episodes", std::move(list)}};
}

}  // namespace

void add_incident_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "view";
  Store& store = tools.store;
  server.get(
      "/api/v1/incidents", [&store](const httpd::HttpRequest& request) { return list_incidents(store, request); },
      options);
  server.get(
      "/api/v1/incidents/*",
      [&store](const httpd::HttpRequest& request) {
        const auto parts = split(request.tail, '/');
        const std::string id(parts.empty() ? "" : parts[0]);
        auto shown = show_incident(store, id, parts.size() > 1 ? parts[1] : "");
        return shown.has_value() ? answer(200, *shown) : answer_error(shown.error());
      },
      options);
}

}  // namespace heal::webhook
