#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/model/fault_lease.h"
#include "common/model/incident.h"
#include "common/wire/json_fwd.h"

namespace heal {

// Incidents and what belongs to them as our API shows them and as the store keeps them. What to_json gives, from_json
// takes back unchanged. Members that are unknown are ignored, so that a newer service can be read. Times are RFC 3339
// in UTC with as many fraction digits as they need, or null.

/// `{id, target, name, type, state, reason, message, playbook, plan_hash, attempt, requested_by, drill,
/// exit_code, failure_reason, episodes: [key…], times: {failed_at, detected_at, decided_at, acted_at, verified_at,
/// resolved_at, closed_at}, mttd_seconds, mttr_seconds}`; `target` is null when there is none, the two last are null
/// when unknown.
Json to_json(const Incident& incident);
/// Errors: kInvalid with the JSON pointer, beginning with `at`, of the member that is missing or wrong.
Result<Incident> incident_from_json(const Json& json, std::string_view at = "");

/// `{key, source, name, labels, annotations, starts_at, received_at, resolved_at, incident, generator_url,
/// alertmanager_url}`.
Json to_json(const Episode& episode);
Result<Episode> episode_from_json(const Json& json, std::string_view at = "");

/// `{sequence, at, incident, kind, message, data}`; `data` is the object itself, not its text. Data that is not a JSON
/// object (which no writer of ours makes) becomes `{"text": …}`.
Json to_json(const TimelineEntry& entry);
Result<TimelineEntry> entry_from_json(const Json& json, std::string_view at = "");

/// `{id, fault, target, state, injected_at, deadline, owner, error, pages}`: what a user may see. The undo recipe stays
/// with us.
Json to_json(const FaultLease& lease);
Result<FaultLease> lease_from_json(const Json& json, std::string_view at = "");

}  // namespace heal
