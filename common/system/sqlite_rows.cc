#include "common/system/sqlite_rows.h"

#include <algorithm>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "common/wire/json_text.h"

namespace heal::sqlite {
namespace {

Error damaged(std::string_view what, std::string_view key, std::string_view why) {
  return make_error(ErrorCode::kStorage, "{} {} in the store cannot be read: {}", what, key, why);
}

Result<Labels> parse_labels(std::string_view text) {
  if (text == "{}") return Labels{};
  HEAL_TRY(Json json, parse_json(text));
  return get_labels(Json{{"labels", std::move(json)}}, "labels");
}

/// What json_text() leaves out of an incident and incident_from_json() asks for, because no answer of the API may lack
/// it.
void add_left_out(Json& incident) {
  if (!incident.is_object()) return;
  incident.emplace("attempt", 0);
  for (const char* const text : {"plan_hash", "playbook", "requested_by"})
    incident.emplace(text, "");
}

}  // namespace

std::string_view bytes_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Result<Episode> read_episode(const Query& row) {
  Episode episode;
  episode.key = row.text(0);
  episode.source = row.text(1);
  episode.name = row.text(2);
  auto labels = parse_labels(row.text_view(3));
  if (!labels) return damaged("episode", episode.key, labels.error().str());
  episode.labels = std::move(*labels);
  auto annotations = parse_labels(row.text_view(4));
  if (!annotations) return damaged("episode", episode.key, annotations.error().str());
  episode.annotations = std::move(*annotations);
  episode.starts_at = row.time(5);
  episode.received_at = row.time(6);
  episode.resolved_at = row.optional_time(7);
  episode.incident_id = row.text(8);
  episode.generator_url = row.text(9);
  episode.alertmanager_url = row.text(10);
  return episode;
}

Result<Incident> read_incident(const Query& row) {
  return parse_incident(row.text_view(0));
}

Result<Incident> parse_incident(std::string_view doc) {
  auto json = parse_json(doc);
  if (!json) return damaged("an incident", "", json.error().str());
  add_left_out(*json);
  auto incident = incident_from_json(*json);
  if (!incident) return damaged("incident", get_string(*json, "id").value_or(""), incident.error().str());
  return incident;
}

TimelineEntry read_entry(const Query& row) {
  return {static_cast<std::uint64_t>(row.number(0)), row.time(1), row.text(2), row.text(3), row.text(4), row.text(5)};
}

Sha256 read_hash(const Query& row, int column) {
  Sha256 hash{};
  const std::string_view bytes = row.text_view(column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
  return hash;
}

OpenStep read_open_step(const Query& row) {
  return {row.text(0), row.text(1), row.time(2), row.text(3)};
}

Result<FaultLease> read_lease(const Query& row) {
  FaultLease lease;
  lease.id = row.text(0);
  lease.kind = row.text(1);
  auto target = TargetId::parse(row.text_view(2));
  if (!target) return damaged("lease", lease.id, target.error().str());
  lease.target = std::move(*target);
  const auto state = parse_lease_state(row.text_view(3));
  if (!state) return damaged("lease", lease.id, "unknown state");
  lease.state = *state;
  lease.injected_at = row.time(4);
  lease.deadline = row.time(5);
  lease.owner = row.text(6);
  lease.original = row.text(7);
  lease.undo = row.text(8);
  lease.last_error = row.text(9);
  lease.pages = row.number(10) != 0;
  lease.reverted_at = row.optional_time(11);
  return lease;
}

Status write(Connection& connection, const Episode& episode) {
  const std::string labels = json_text(episode.labels);
  const std::string annotations = json_text(episode.annotations);
  HEAL_TRY(auto query,
           connection.query("INSERT INTO episodes(" HEAL_EPISODE_COLUMNS
                            ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) ON CONFLICT(key) DO UPDATE SET "
                            "source=?2,name=?3,labels=?4,annotations=?5,starts_at=?6,received_at=?7,resolved_at=?8,"
                            "incident_id=?9,generator_url=?10,alertmanager_url=?11"));
  query.bind(episode.key, episode.source, episode.name, labels, annotations, episode.starts_at, episode.received_at,
             episode.resolved_at, episode.incident_id, episode.generator_url, episode.alertmanager_url);
  return query.run();
}

Status write(Connection& connection, const Incident& incident) {
  const std::string target = incident.target ? incident.target->str() : "";
  const std::string doc = json_text(incident);
  HEAL_TRY(auto query, connection.query("INSERT INTO incidents(id,target,playbook,state,detected_at,is_open,doc) "
                                        "VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(id) DO UPDATE SET "
                                        "target=?2,playbook=?3,state=?4,detected_at=?5,is_open=?6,doc=?7"));
  query.bind(incident.id, target, incident.playbook, to_string(incident.state), incident.times.detected_at,
             std::int64_t{is_terminal(incident.state) ? 0 : 1}, doc);
  return query.run();
}

Status write(Connection& connection, const TimelineEntry& entry, std::uint64_t sequence, const Sha256& hash) {
  HEAL_TRY(auto query, connection.query("INSERT INTO entries(" HEAL_ENTRY_COLUMNS ") VALUES (?,?,?,?,?,?,?)"));
  query.bind(sequence, entry.at, entry.incident_id, entry.kind, entry.message, entry.data);
  query.bind_blob(7, bytes_of(hash));
  return query.run();
}

Status write(Connection& connection, const OpenStep& step) {
  HEAL_TRY(auto query,
           connection.query("REPLACE INTO open_steps(incident_id,step_id,intended_at,data) VALUES (?,?,?,?)"));
  query.bind(step.incident_id, step.step_id, step.intended_at, step.data);
  return query.run();
}

Status write(Connection& connection, const FaultLease& lease) {
  const std::string target = lease.target.str();
  HEAL_TRY(auto query,
           connection.query("INSERT INTO leases(" HEAL_LEASE_COLUMNS
                            ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) ON CONFLICT(id) DO UPDATE SET "
                            "kind=?2,target=?3,state=?4,injected_at=?5,deadline=?6,owner=?7,original=?8,"
                            "undo=?9,last_error=?10,pages=?11,reverted_at=?12"));
  query.bind(lease.id, lease.kind, target, to_string(lease.state), lease.injected_at, lease.deadline, lease.owner,
             lease.original, lease.undo, lease.last_error, std::int64_t{lease.pages ? 1 : 0}, lease.reverted_at);
  return query.run();
}

}  // namespace heal::sqlite
