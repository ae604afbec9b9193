#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/snapshot.h"
#include "common/fault/lease_keeper.h"
#include "common/httpd/server.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "common/remedy/coordinator.h"
#include "webhook/event_hub.h"

namespace heal::webhook {

/// What the routes below /api/v1 work with. All must outlive the server.
struct ApiTools {
  Store& store;
  Clock& clock;
  remedy::Coordinator& coordinator;
  Snapshot<remedy::World>& world;
  EventHub& events;
  fault::LeaseKeeper& leases;
  std::string config_file;
  WallTime started_at{};
};

// Roles: view to look, operate to change. Errors are {"error": {"code", "message"}}.

/// GET incidents (state, target, playbook, since, cursor, limit) → {incidents, next_cursor}; incidents/ID → {incident,
/// timeline, timeline_total, timeline_cursor, episodes, episodes_total}; incidents/ID/timeline (cursor, limit) →
/// {timeline, timeline_total, next_cursor}; incidents/ID/explain → {incident, text}.
void add_incident_routes(httpd::HttpServer& server, const ApiTools& tools);
/// POST heals {playbook, target, params, dry_run, by} → 202 {incident} | 200 plan and decision | 409 with the reason.
void add_heal_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET faults → {faults}; POST faults {target, fault, for, by, dry_run} → 201 {fault}; POST faults/revert {target | id
/// | all} → {faults}; DELETE faults/ID → {fault}. Refused unless heal.yml has `faults: {enabled: true}`.
void add_fault_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET playbooks → {playbooks}; GET status → what is configured and reachable; GET journal → {intact, first_altered},
/// found by reading all of it.
void add_status_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET events: the journal as server-sent events; Last-Event-ID (or `after`) goes on where a follower left off.
void add_event_routes(httpd::HttpServer& server, const ApiTools& tools);

}  // namespace heal::webhook
