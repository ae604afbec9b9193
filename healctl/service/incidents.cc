#include "healctl/service/incidents.h"

#include <algorithm>
#include <utility>

#include "common/model/heal_outcome.h"
#include "common/wire/incident_json.h"

namespace heal::ctl {
namespace {

constexpr std::size_t kLargestPage = 200;

/// A page of the list; its cursor, "" at the end.
Result<std::string> add_page(ServiceClient& service, const Query& query, IncidentPage& page) {
  HEAL_TRY(const auto answer, service.get("/incidents", query));
  const auto parse = [&]() -> Result<std::string> {
    HEAL_TRY(const auto* list, get_array(answer, "incidents"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      HEAL_TRY(auto incident, incident_from_json((*list)[i], json_pointer("/incidents", i)));
      page.incidents.push_back(std::move(incident));
      page.documents.push_back((*list)[i]);
    }
    HEAL_TRY(const auto cursor, get_optional_string(answer, "next_cursor"));
    return cursor.value_or("");  // of a page that is empty too: the next one may hold what matchers take
  };
  auto cursor = parse();
  if (!cursor) return make_error(ErrorCode::kProtocol, "GET {}: {}", "/incidents", cursor.error().message());
  return cursor;
}

template <typename T, typename Parse>
Result<std::vector<T>> parse_list(const Json& document, const char* name, Parse parse) {
  std::vector<T> items;
  HEAL_TRY(const auto* list, get_array(document, name));
  for (std::size_t i = 0; i < list->size(); ++i) {
    HEAL_TRY(auto item, parse((*list)[i], json_pointer(json_pointer("", name), i)));
    items.push_back(std::move(item));
  }
  return items;
}

/// How many there are of something of which the answer holds `shown`.
Result<std::size_t> total_of(const Json& document, std::string_view name, std::size_t shown) {
  HEAL_TRY(const auto total, get_optional_int(document, name));
  return total && *total > 0 ? std::max(static_cast<std::size_t>(*total), shown) : shown;
}

Result<Story> story_of(Json document) {
  Story story;
  HEAL_TRY(const auto* incident, get_object(document, "incident"));
  HEAL_TRY(story.incident, incident_from_json(*incident, "/incident"));
  HEAL_TRY(story.timeline, parse_list<TimelineEntry>(document, "timeline", entry_from_json));
  HEAL_TRY(story.episodes, parse_list<Episode>(document, "episodes", episode_from_json));
  HEAL_TRY(story.timeline_total, total_of(document, "timeline_total", story.timeline.size()));
  HEAL_TRY(story.episodes_total, total_of(document, "episodes_total", story.episodes.size()));
  HEAL_TRY(const auto cursor, get_optional_string(document, "timeline_cursor"));
  story.timeline_cursor = cursor.value_or("");
  story.document = std::move(document);
  return story;
}

}  // namespace

Result<IncidentPage> list_incidents(ServiceClient& service, const IncidentFilter& filter) {
  IncidentPage page;
  page.documents = Json::array();
  std::string states;
  for (const auto& state : filter.states)
    states += (states.empty() ? "" : ",") + state;
  Query query{{"state", states},
              {"target", filter.target},
              {"playbook", filter.playbook},
              {"since", filter.since ? format_rfc3339_nano(*filter.since) : ""}};
  for (const auto& matcher : filter.matchers)
    query.emplace_back("match[]", matcher);
  std::string cursor;
  do {
    Query part = query;
    part.emplace_back("limit", std::to_string(std::min(filter.limit - page.incidents.size(), kLargestPage)));
    part.emplace_back("cursor", cursor);
    HEAL_TRY(std::string next, add_page(service, part, page));
    cursor = next == cursor ? "" : std::move(next);
  } while (!cursor.empty() && page.incidents.size() < filter.limit);
  page.has_more = !cursor.empty();
  return page;
}

Result<Story> fetch_story(ServiceClient& service, const std::string& id) {
  const auto path = "/incidents/" + percent_encode(id);
  HEAL_TRY(auto document, service.get(path));
  auto story = story_of(std::move(document));
  if (!story) return make_error(ErrorCode::kProtocol, "GET {}: {}", path, story.error().message());
  return story;
}

std::optional<Exit> exit_of(const Incident& incident) {
  switch (incident.state) {
    case IncidentState::kRecovered:
    case IncidentState::kStale:  // it was healthy before anything was done
      return Exit::kDone;
    case IncidentState::kClosed:
      if (incident.reason == "shadow") return Exit::kRefused;  // the guard `mode` let nothing be done
      return heal_outcome(incident) == HealOutcome::kVerified ? Exit::kDone : Exit::kFailed;
    case IncidentState::kSuppressed:
    case IncidentState::kUnmatched:
      return Exit::kRefused;
    case IncidentState::kAwaitingApproval:
      return Exit::kWaiting;
    case IncidentState::kFailed:
    case IncidentState::kEscalated:
      return Exit::kPersists;
    case IncidentState::kInterrupted:
      return Exit::kUnknown;
    case IncidentState::kCancelled:
      return incident.reason == "lever_engaged" ? Exit::kRefused : Exit::kFailed;
    case IncidentState::kReceived:
    case IncidentState::kHeld:
    case IncidentState::kPlanned:
    case IncidentState::kExecuting:
    case IncidentState::kVerifying:
      break;
  }
  return std::nullopt;
}

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(IncidentState::kClosed); ++i) {
    names.emplace_back(to_string(static_cast<IncidentState>(i)));
  }
  return names;
}

std::vector<std::string> open_state_names() {
  std::vector<std::string> names = state_names();
  std::erase_if(names, [](const std::string& name) { return is_terminal(*parse_incident_state(name)); });
  return names;
}

}  // namespace heal::ctl
