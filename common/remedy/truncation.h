#pragma once

#include <string>
#include <vector>

#include "common/model/event.h"
#include "common/remedy/controls.h"
#include "common/remedy/ledger.h"

namespace heal::remedy {

// Notifications that were cut by the sender (`max_alerts`), on the coordinator's thread: how many are unhealthy is not
// known then, so that guards that go by it hold the incidents that such a notification told of.

/// Looks whether the notification `batch` left alerts out. Gives the id of its group when it did. When it left out none
/// and the one before of the same sender did, or one of a twin that knew of no more alerts, what that holds is asked
/// about again at once; otherwise this costs nothing. All of it goes into the ledger's batch.
std::vector<std::string> note_truncation(Ledger& ledger, const EventBatch& batch);

/// Those of `incidents` that are open belong to groups of which alerts were left out; it stands in the story of
/// each, also of those that are over.
void join_truncated_groups(Ledger& ledger, const std::vector<std::string>& incidents,
                           const std::vector<std::string>& groups);

/// The groups that an incident, open or over, belongs to by what is known of it and by its story: those of which
/// something is known yet.
std::vector<std::string> truncated_groups_of(const Ledger& ledger, const std::string& incident_id,
                                             const std::vector<TimelineEntry>& timeline);

/// What is still left out of the groups of an open incident; nothing for one that is not open.
std::vector<Truncation> truncations_of(const Ledger& ledger, const std::string& incident_id, WallTime now);

}  // namespace heal::remedy
