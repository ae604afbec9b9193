#include <utility>

#include "common/base/text.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/query.h"
#include "webhook/stats.h"

namespace heal::webhook {
namespace {

constexpr Duration kDefaultWindow = std::chrono::hours(24 * 7);
constexpr std::size_t kIncidentPage = 1000;
/// What one question may read: some seconds' worth.
constexpr std::size_t kMostIncidents = 100'000;

std::string param_or(const httpd::HttpRequest& request, std::string_view name, std::string_view otherwise) {
  const auto value = request.param(name);
  return std::string(value && !value->empty() ? *value : otherwise);
}

Result<Json> stats_json(const ApiTools& tools, const httpd::HttpRequest& request) {
  const std::string word = param_or(request, "by", "playbook");
  const auto by = parse_stats_by(word);
  if (!by)
    return make_error(ErrorCode::kInvalid, "by: expected playbook, target, type or name, got \"{}\"", printable(word));
  Duration window = kDefaultWindow;
  if (const auto text = request.param("window"); text && !text->empty()) {
    const auto parsed = parse_duration(*text);
    if (!parsed.has_value() || *parsed <= Duration{})
      return make_error(ErrorCode::kInvalid, "window: expected a duration such as 7d");
    window = *parsed;
  }
  IncidentQuery query;
  query.since = tools.clock.now() - window;
  query.playbook = param_or(request, "playbook", "");
  query.target = param_or(request, "target", "");
  query.limit = kIncidentPage;
  Stats stats(*by);
  std::size_t seen = 0;
  for (bool goes_on = true; goes_on && seen < kMostIncidents;) {
    HEAL_TRY(const auto incidents, tools.store.incidents(query));
    for (const Incident& incident : incidents)
      stats.add(incident);
    seen += incidents.size();
    goes_on = incidents.size() == query.limit;
    if (goes_on) query.before_id = incidents.back().id;
  }
  return Json{{"by", word},        {"window_seconds", to_seconds(window)}, {"since", format_rfc3339_nano(*query.since)},
              {"incidents", seen}, {"truncated", seen >= kMostIncidents},  {"stats", stats.json()}};
}

}  // namespace

void add_stats_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions view;
  view.role = "view";
  server.get("/api/v1/stats",
             with_query({{"by", "window", "playbook", "target"}},
                        [tools](const httpd::HttpRequest& request) {
                          const auto stats = stats_json(tools, request);
                          return stats.has_value() ? answer(200, *stats) : answer_error(stats.error());
                        }),
             view);
}

}  // namespace heal::webhook
