#include <algorithm>
#include <iterator>
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
// Of an incident that a storm went into, an answer holds its beginning and its end; the rest is asked for by page.
constexpr std::size_t kFirstEntries = 100;
constexpr std::size_t kLastEntries = 400;
constexpr std::size_t kEpisodes = 100;
constexpr std::size_t kTimelinePage = 500;

std::string param_or_empty(const httpd::HttpRequest& request, std::string_view name) {
  return std::string(request.param(name).value_or(""));
}

Result<std::size_t> limit_of(const httpd::HttpRequest& request, std::size_t otherwise) {
  const auto limit = request.param("limit");
  if (!limit || limit->empty()) return otherwise;
  const auto number = parse_int(*limit);
  if (!number || *number < 1 || *number > static_cast<std::int64_t>(kMostPage))
    return make_error(ErrorCode::kInvalid, "limit: expected a whole number from 1 to {}", kMostPage);
  return static_cast<std::size_t>(*number);
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
  HEAL_TRY(query.limit, limit_of(request, kDefaultPage));
  return query;
}

/// `incident`, with only the newest of its episodes' keys.
Json incident_json(Incident incident) {
  auto& keys = incident.episode_keys;
  if (keys.size() > kEpisodes) keys.erase(keys.begin(), keys.end() - static_cast<std::ptrdiff_t>(kEpisodes));
  return to_json(incident);
}

httpd::HttpResponse list_incidents(Store& store, const httpd::HttpRequest& request) {
  auto query = query_of(request);
  if (!query.has_value()) return answer_error(query.error());
  auto incidents = store.incidents(*query);
  if (!incidents.has_value()) return answer_error(incidents.error());
  Json list = Json::array();
  for (const auto& incident : *incidents)
    list.push_back(incident_json(incident));
  Json cursor;
  if (incidents->size() == query->limit) cursor = incidents->back().id;
  return answer(200, {{"incidents", std::move(list)}, {"next_cursor", std::move(cursor)}});
}

Json timeline_json(const std::vector<TimelineEntry>& timeline) {
  Json list = Json::array();
  for (const auto& entry : timeline)
    list.push_back(to_json(entry));
  return list;
}

/// One page of a timeline: what comes after the entry whose sequence is `cursor`.
Result<Json> timeline_page(const std::vector<TimelineEntry>& timeline, const httpd::HttpRequest& request) {
  HEAL_TRY(const std::size_t limit, limit_of(request, kTimelinePage));
  std::uint64_t after = 0;
  if (const auto text = request.param("cursor"); text && !text->empty()) {
    const auto number = parse_int(*text);
    if (!number || *number < 0) return make_error(ErrorCode::kInvalid, "cursor: expected an entry's sequence");
    after = static_cast<std::uint64_t>(*number);
  }
  const auto first = std::upper_bound(timeline.begin(), timeline.end(), after,
                                      [](std::uint64_t a, const TimelineEntry& entry) { return a < entry.sequence; });
  const auto count = std::min<std::size_t>(limit, static_cast<std::size_t>(timeline.end() - first));
  const auto last = first + static_cast<std::ptrdiff_t>(count);
  Json cursor;
  if (last != timeline.end()) cursor = std::to_string(std::prev(last)->sequence);
  return Json{{"timeline", timeline_json({first, last})},
              {"timeline_total", timeline.size()},
              {"next_cursor", std::move(cursor)}};
}

/// Takes the middle out of a timeline that is too long for one answer; gives the sequence of the entry before the gap.
std::optional<std::uint64_t> shorten(std::vector<TimelineEntry>& timeline) {
  if (timeline.size() <= kFirstEntries + kLastEntries) return std::nullopt;
  timeline.erase(timeline.begin() + kFirstEntries, timeline.end() - kLastEntries);
  return timeline[kFirstEntries - 1].sequence;
}

Json explain_json(const Incident& incident, std::vector<TimelineEntry> timeline) {
  const std::size_t total = timeline.size();
  const auto gap = shorten(timeline);
  std::string text = explain_incident(incident, timeline);
  if (gap)
    text += fmt::format("  {} entries after the first {} are not shown: incidents/{}/timeline?cursor={}\n",
                        total - timeline.size(), kFirstEntries, incident.id, *gap);
  return {{"incident", incident_json(incident)}, {"text", std::move(text)}};
}

/// `timeline` without its middle when it is very long, the newest of `episodes`, and how many there are of each.
Json story_json(const Incident& incident, std::vector<TimelineEntry> timeline, const std::vector<Episode>& episodes) {
  const std::size_t total = timeline.size();
  const auto gap = shorten(timeline);
  Json list = Json::array();
  for (std::size_t i = episodes.size() - std::min(episodes.size(), kEpisodes); i < episodes.size(); ++i)
    list.push_back(to_json(episodes[i]));
  return {{"incident", incident_json(incident)},
          {"timeline", timeline_json(timeline)},
          {"timeline_total", total},
          {"timeline_cursor", gap ? Json(std::to_string(*gap)) : Json()},
          {"episodes", std::move(list)},
          {"episodes_total", episodes.size()}};
}

Result<Json> show_incident(Store& store, const httpd::HttpRequest& request) {
  const auto parts = split(request.tail, '/');
  const std::string id(parts.empty() ? "" : parts[0]);
  const auto part = parts.size() > 1 ? parts[1] : "";
  HEAL_TRY(const auto incident, store.incident(id));
  if (!incident) return make_error(ErrorCode::kNotFound, "there is no incident {}", printable(id, 40));
  HEAL_TRY(auto timeline, store.timeline(id));
  if (part == "timeline") return timeline_page(timeline, request);
  if (part == "explain") return explain_json(*incident, std::move(timeline));
  if (!part.empty()) return make_error(ErrorCode::kNotFound, "an incident has no {}", printable(part, 40));
  HEAL_TRY(const auto episodes, store.episodes_of(id));
  return story_json(*incident, std::move(timeline), episodes);
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
        auto shown = show_incident(store, request);
        return shown.has_value() ? answer(200, *shown) : answer_error(shown.error());
      },
      options);
}

}  // namespace heal::webhook
