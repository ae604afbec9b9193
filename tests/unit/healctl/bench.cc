#include "tests/unit/healctl/bench.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/output/text.h"

namespace heal::ctl {

Incident healed_incident() {
  Incident incident;
  incident.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEF";
  incident.target = TargetId{"container", "local", "nginx"};
  incident.name = "NginxDown";
  incident.type = "CONTAINER_CRASH";
  incident.state = IncidentState::kRecovered;
  incident.reason = "verified";
  incident.message = "health of container/local/nginx passed 2 times";
  incident.playbook = "restart-container";
  incident.plan_hash = "5f2b";
  incident.attempt = 1;
  const auto detected = FakeClock::kStart - 1min;
  incident.times = {.failed_at = detected - 1800ms,
                    .detected_at = detected,
                    .decided_at = detected + 12ms,
                    .acted_at = detected + 20ms,
                    .verified_at = detected + 2100ms,
                    .resolved_at = std::nullopt,
                    .closed_at = std::nullopt};
  incident.episode_keys = {"am:0011223344556677:2030-01-02T03:03:04Z"};
  return incident;
}

std::string text_of(const Json& json) {
  return dump(json);
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (const auto line : split(text, '\n'))
    widest = std::max(widest, display_width(line));
  return widest;
}

std::string list_of(const std::vector<Incident>& incidents, const std::string& cursor) {
  Json list = Json::array();
  for (const auto& incident : incidents)
    list.push_back(to_json(incident));
  return dump(Json{{"incidents", std::move(list)}, {"next_cursor", cursor.empty() ? Json() : Json(cursor)}});
}

std::string story_of(const Incident& incident, const std::vector<TimelineEntry>& timeline,
                     const std::vector<Episode>& episodes) {
  Json entries = Json::array(), evidence = Json::array();
  for (const auto& entry : timeline)
    entries.push_back(to_json(entry));
  for (const auto& episode : episodes)
    evidence.push_back(to_json(episode));
  return dump(Json{{"incident", to_json(incident)}, {"timeline", entries}, {"episodes", evidence}});
}

std::string event_of(const TimelineEntry& entry) {
  return "id: " + std::to_string(entry.sequence) + "\ndata: " + dump(to_json(entry)) + "\n\n";
}

TimelineEntry moved_to(const Incident& incident, IncidentState state, std::uint64_t sequence, std::string message) {
  TimelineEntry entry;
  entry.sequence = sequence;
  entry.at = FakeClock::kStart + sequence * 100ms;
  entry.incident_id = incident.id;
  entry.kind = "state";
  entry.message = std::move(message);
  entry.data = dump(Json{{"from", "received"}, {"to", to_string(state)}});
  return entry;
}

}  // namespace heal::ctl
