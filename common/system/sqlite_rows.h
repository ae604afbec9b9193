#pragma once

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/model/incident.h"
#include "common/port/store.h"
#include "common/system/sqlite.h"

// How the store's types lie in the tables of sqlite_schema.cc.

namespace heal::sqlite {

/// Column lists for SELECT, in the order in which the readers below take them.
#define HEAL_EPISODE_COLUMNS \
  "key,source,name,labels,annotations,starts_at,received_at,resolved_at,incident_id,generator_url,alertmanager_url"
#define HEAL_ENTRY_COLUMNS "sequence,at,incident_id,kind,message,data,hash"
#define HEAL_LEASE_COLUMNS "id,kind,target,state,injected_at,deadline,owner,original,undo,last_error,pages,reverted_at"

/// Errors of these: kStorage, naming the row, when it does not hold what we write.
Result<Episode> read_episode(const Query& row);
Result<Incident> read_incident(const Query& row);  ///< column 0: doc
Result<Incident> parse_incident(std::string_view doc);
TimelineEntry read_entry(const Query& row);
Sha256 read_hash(const Query& row, int column);
OpenStep read_open_step(const Query& row);  ///< incident_id, step_id, intended_at, data
Result<FaultLease> read_lease(const Query& row);

/// What a column holds of a hash; it must outlive the bytes.
std::string_view bytes_of(const Sha256& hash);

Status write(Connection& connection, const Episode& episode);
Status write(Connection& connection, const Incident& incident);
Status write(Connection& connection, const TimelineEntry& entry, std::uint64_t sequence, const Sha256& hash);
Status write(Connection& connection, const OpenStep& step);
Status write(Connection& connection, const FaultLease& lease);

}  // namespace heal::sqlite
