#pragma once

#include <string>

#include "common/port/store.h"

namespace heal::test {

inline WallTime at(std::int64_t seconds, std::int64_t nanos = 0) {
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
}

inline Episode episode(const std::string& key, const std::string& incident_id = "", std::int64_t received = 100) {
  Episode episode;
  episode.key = key;
  episode.source = "alertmanager";
  episode.name = "NginxDown";
  episode.labels = {{"alertname", "NginxDown"}, {"odd", "a\"b\\\n\xC3\xA4 {{ }} $(x)"}, {"empty", ""}};
  episode.annotations = {{"summary", "it is down"}};
  episode.starts_at = at(90, 123456789);
  episode.received_at = at(received);
  episode.incident_id = incident_id;
  episode.generator_url = "http://prometheus/graph?g0.expr=up";
  episode.alertmanager_url = "http://alertmanager";
  return episode;
}

inline Incident incident(const std::string& id, IncidentState state = IncidentState::kReceived,
                         const std::string& name = "web", std::int64_t detected = 100) {
  Incident incident;
  incident.id = id;
  incident.target = TargetId{"container", "local", name};
  incident.name = "NginxDown";
  incident.type = "HEALTH_CHECK_FAILURE";
  incident.state = state;
  incident.reason = "because";
  incident.message = "for people";
  incident.playbook = "restart-container";
  incident.plan_hash = "ab12";
  incident.attempt = 2;
  incident.times.failed_at = at(detected - 1, 1);
  incident.times.detected_at = at(detected, 999'999'999);
  incident.episode_keys = {"a", "b"};
  incident.requested_by = "ops";
  return incident;
}

inline TimelineEntry entry(const std::string& incident_id, const std::string& message) {
  return {0, at(101, 5), incident_id, "decision", message, R"({"n":1})"};
}

inline FaultLease lease(const std::string& id, FaultLease::State state, std::int64_t injected = 100) {
  return {id,
          "stop",
          {"container", "local", "web"},
          state,
          at(injected),
          at(injected + 60),
          "ops",
          R"({"a":1})",
          "{}",
          "could not",
          true,
          state == FaultLease::State::kReverted ? std::optional(at(injected + 30)) : std::nullopt};
}

}  // namespace heal::test
