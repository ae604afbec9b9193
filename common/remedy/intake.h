#pragma once

#include <string>
#include <vector>

#include "common/model/event.h"
#include "common/remedy/jobs.h"
#include "common/remedy/ledger.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// What became of events that arrived together.
struct IngestReply {
  std::size_t accepted = 0;            ///< events that changed something
  std::size_t duplicates = 0;          ///< events that were known already
  std::vector<std::string> incidents;  ///< ids of the incidents that they belong to, each once

  bool operator==(const IngestReply&) const = default;
};

/// First stage of the pipeline: puts events of any source into the batch. Each is one episode: known ones change
/// nothing, a resolved one ends its episode, a new one goes along every route that takes it and joins its target's open
/// incident or begins one. Never acts. Labels and annotations leave the batch. An Error (kStorage) means that nothing
/// was put into the batch.
Result<IngestReply> take_in(Ledger& ledger, Jobs& jobs, const World& world, EventBatch& batch, WallTime received_at);

/// The same for what a person asks for, whose key nobody has had before: nothing is read, so it cannot fail. Gives the
/// incident's id.
std::string take_request(Ledger& ledger, Jobs& jobs, const World& world, SourceEvent request, WallTime received_at);

/// Evidence of an open incident that began, or came, after its heal was verified. kStorage.
Result<std::vector<Episode>> newer_evidence(Ledger& ledger, const std::string& incident_id);
/// For an incident that relapsed, or whose on_resolved has run: `newer` begins a new incident, which the guards look at
/// as at any other; what only came later, and began earlier, does so when it relapsed. Does nothing while the incident
/// is open. kStorage.
Status take_again(Ledger& ledger, Jobs& jobs, const World& world, const std::string& incident_id,
                  const std::vector<Episode>& newer);

/// Late evidence that turned out to be of a new fault, because its target is bad: begins an incident as if it had not
/// been late.
Status take_late(Ledger& ledger, Jobs& jobs, const World& world, const LateEvidence& late);

/// The key of the n-th episode (2, 3 …) of an event that several routes took.
std::string further_key(const std::string& key, std::size_t n);
/// The most incidents that one event may begin.
inline constexpr std::size_t kMostRoutesTaken = 16;

}  // namespace heal::remedy
