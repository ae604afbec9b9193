#pragma once

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
  std::string storage_path{};  ///< the folder of the store
};

// Roles: view, operate, approve. Errors are {"error": {"code", "message"}}; so are unknown query parameters (query.h).

/// GET incidents (state, target, playbook, since, match[], cursor, limit) → {incidents, next_cursor}; incidents/ID →
/// {incident, timeline, timeline_total, timeline_cursor, episodes, episodes_total}; …/timeline (cursor, limit) →
/// {timeline, timeline_total, next_cursor}; incidents/ID/explain → {incident, text}; explain?of=ID|ALERT (label=k=v) →
/// {incident | null, text}: of the newest incident, or what the routes would make of one.
void add_incident_routes(httpd::HttpServer& server, const ApiTools& tools);
/// POST incidents/ID/approve {by, plan_hash, reason}, …/reject (role approve), …/cancel, …/retry {by, reason} (role
/// operate) → 202 {incident} | 409 with the reason.
void add_operate_routes(httpd::HttpServer& server, const ApiTools& tools);
/// POST heals {playbook, target, params, dry_run, by} → 202 {incident} | 200 plan and decision | 409 with the reason.
/// GET plan (playbook, target, set=NAME=VALUE) → what the dry run answers.
void add_heal_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET faults → {faults}; POST faults {target, fault, with, for, by, dry_run, ignore_blast_radius, yes_really, page} →
/// 201 {fault}; POST faults/revert {target | id | all} → {faults}; DELETE faults/ID → {fault}. Refused unless heal.yml
/// has `faults: {enabled: true}`.
void add_fault_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET pauses → {pauses}; POST pauses {name, reason, for | until, by} → 201 {pause}; DELETE pauses/NAME (by) → {pause,
/// pauses}. GET lever → {lever, file, stops}; PUT lever {engaged, reason, by} → the same. GET breakers → {breakers};
/// POST breakers/reset {playbook, target | all, by, reason} → {breakers}: those that it closed.
void add_control_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET journal → {intact, first_altered, entries, first, last, head}, found by reading all of it. POST backups → 201
/// {backup: {name, bytes}}; POST backups/read {name, offset} → at most 2 MiB of it; DELETE backups/NAME. One that
/// nobody deleted goes when the next one is made an hour later.
void add_store_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET stats (by, window, playbook, target) → {by, window_seconds, since, incidents, truncated, stats} as in stats.h.
void add_stats_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET playbooks → {playbooks}; GET status → what is configured and reachable.
void add_status_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET events: the journal as server-sent events; Last-Event-ID (or `after`) goes on where a follower left off.
void add_event_routes(httpd::HttpServer& server, const ApiTools& tools);
/// GET openapi.json: what of all this a program can read. openapi.json beside this file is that document; a test holds
/// it to the routes.
void add_openapi_routes(httpd::HttpServer& server);
/// GET / and its parts: the page for people, made of ui/. It shows what the API tells and can no more than its user.
void add_ui_routes(httpd::HttpServer& server);

}  // namespace heal::webhook
