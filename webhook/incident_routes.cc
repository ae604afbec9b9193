#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/text.h"
#include "common/model/matcher.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/explain.h"
#include "webhook/query.h"

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

/// An incident's id, as it stands in `next_cursor`; "" for the first page.
Result<std::string> cursor_of(const httpd::HttpRequest& request) {
  std::string cursor = param_or_empty(request, "cursor");
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  if (cursor.empty() || (cursor.size() == 26 && cursor.find_first_not_of(kDigits) == std::string::npos)) return cursor;
  return make_error(ErrorCode::kInvalid, "cursor: expected next_cursor of the page before, got \"{}\"",
                    printable(cursor, 80));
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
  HEAL_TRY(query.before_id, cursor_of(request));
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

/// Whether one of an incident's alerts, or what else it was begun or joined by, has labels that all matchers take.
Result<bool> is_matched(Store& store, const Incident& incident, const std::vector<Matcher>& matchers) {
  if (matchers.empty()) return true;
  HEAL_TRY(const auto episodes, store.episodes_of(incident.id));
  return std::any_of(episodes.begin(), episodes.end(),
                     [&](const Episode& episode) { return all_match(matchers, episode.labels); });
}

Result<std::vector<Matcher>> matchers_of(const httpd::HttpRequest& request) {
  std::vector<Matcher> out;
  for (std::string_view text : request.params("match[]")) {
    HEAL_TRY(auto matchers, Matcher::parse_list(text).with_context("match[]"));
    if (matchers.empty())
      return make_error(ErrorCode::kInvalid, "match[]: expected a matcher such as severity=\"page\"");
    out.insert(out.end(), matchers.begin(), matchers.end());
  }
  return out;
}

/// One page; with matchers it may hold fewer than were asked for, and has a cursor as long as there is more to look at.
Result<Json> incident_page(Store& store, const httpd::HttpRequest& request) {
  HEAL_TRY(IncidentQuery query, query_of(request));
  HEAL_TRY(const auto matchers, matchers_of(request));
  const std::size_t limit = query.limit;
  if (!matchers.empty()) query.limit = kMostPage;
  HEAL_TRY(const auto incidents, store.incidents(query));
  Json list = Json::array();
  Json cursor;
  if (incidents.size() == query.limit) cursor = incidents.back().id;
  for (const auto& incident : incidents) {
    if (list.size() == limit) {
      cursor = list.back()["id"];
      break;
    }
    HEAL_TRY(const bool is_wanted, is_matched(store, incident, matchers));
    if (is_wanted) list.push_back(incident_json(incident));
  }
  return Json{{"incidents", std::move(list)}, {"next_cursor", std::move(cursor)}};
}

httpd::HttpResponse list_incidents(Store& store, const httpd::HttpRequest& request) {
  const auto page = incident_page(store, request);
  return page.has_value() ? answer(200, *page) : answer_error(page.error());
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
    if (!number || *number < 0)
      return make_error(ErrorCode::kInvalid, "cursor: expected an entry's sequence, got \"{}\"", printable(*text, 80));
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
  const bool has_pages = part == "timeline";
  HEAL_TRY_STATUS(check_query(request, has_pages ? QueryNames{{"cursor", "limit"}} : QueryNames{}));
  HEAL_TRY(const auto incident, store.incident(id));
  if (!incident) return make_error(ErrorCode::kNotFound, "there is no incident {}", printable(id, 40));
  HEAL_TRY(auto timeline, store.timeline(id));
  if (part == "timeline") return timeline_page(timeline, request);
  if (part == "explain") return explain_json(*incident, std::move(timeline));
  if (!part.empty()) return make_error(ErrorCode::kNotFound, "an incident has no {}", printable(part, 40));
  HEAL_TRY(const auto episodes, store.episodes_of(id));
  return story_json(*incident, std::move(timeline), episodes);
}

constexpr std::size_t kExplainPages = 5;

bool is_about(const Incident& incident, const std::string& alert) {
  if (incident.id == alert || incident.name == alert) return true;
  return std::any_of(incident.episode_keys.begin(), incident.episode_keys.end(),
                     [&](const std::string& key) { return key.find(":" + alert + ":") != std::string::npos; });
}

/// Evidence that joined another alert's incident is known by its episode alone; looked for among the newest only.
Result<std::optional<Incident>> find_joined(Store& store, const std::string& alert) {
  IncidentQuery query;
  query.limit = 4 * kDefaultPage;
  HEAL_TRY(auto incidents, store.incidents(query));
  for (auto& incident : incidents) {
    HEAL_TRY(const auto episodes, store.episodes_of(incident.id));
    if (std::any_of(episodes.begin(), episodes.end(), [&](const Episode& one) { return one.name == alert; }))
      return std::optional(std::move(incident));
  }
  return std::optional<Incident>();
}

/// The newest incident of that id, alert's name, or fingerprint.
Result<std::optional<Incident>> find_incident(Store& store, const std::string& what) {
  HEAL_TRY(auto by_id, store.incident(what));
  if (by_id) return by_id;
  IncidentQuery query;
  query.limit = kMostPage;
  for (std::size_t page = 0; page < kExplainPages; ++page) {
    HEAL_TRY(auto incidents, store.incidents(query));
    for (auto& incident : incidents) {
      if (is_about(incident, what)) return std::optional(std::move(incident));
    }
    if (incidents.size() < query.limit) break;
    query.before_id = incidents.back().id;
  }
  return find_joined(store, what);
}

Result<Json> explain(const ApiTools& tools, const httpd::HttpRequest& request) {
  const std::string what = param_or_empty(request, "of");
  if (what.empty())
    return Error(ErrorCode::kInvalid, "of: expected an incident's id, or an alert's name or fingerprint");
  HEAL_TRY(const auto incident, find_incident(tools.store, what));
  if (incident) {
    HEAL_TRY(auto timeline, tools.store.timeline(incident->id));
    return explain_json(*incident, std::move(timeline));
  }
  Labels labels{{"alertname", what}};
  for (std::string_view pair : request.params("label")) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) return Error(ErrorCode::kInvalid, "label: expected NAME=VALUE");
    labels[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
  }
  const auto world = tools.world.get();
  return Json{{"incident", nullptr}, {"text", explain_unseen(world->bundle.config, labels, tools.clock.now())}};
}

}  // namespace

void add_incident_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions options;
  options.role = "view";
  Store& store = tools.store;
  server.get("/api/v1/incidents",
             with_query({{"target", "playbook", "since", "limit", "cursor"}, {"state", "match[]"}},
                        [&store](const httpd::HttpRequest& request) { return list_incidents(store, request); }),
             options);
  server.get(
      "/api/v1/incidents/*",
      [&store](const httpd::HttpRequest& request) {
        auto shown = show_incident(store, request);
        return shown.has_value() ? answer(200, *shown) : answer_error(shown.error());
      },
      options);
  server.get("/api/v1/explain",
             with_query({{"of"}, {"label"}},
                        [tools](const httpd::HttpRequest& request) {
                          auto explained = explain(tools, request);
                          return explained.has_value() ? answer(200, *explained) : answer_error(explained.error());
                        }),
             options);
}

}  // namespace heal::webhook
