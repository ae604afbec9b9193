#pragma once

#include <string>
#include <vector>

#include "common/model/alert.h"
#include "common/remedy/jobs.h"
#include "common/remedy/ledger.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// What became of a notification's alerts.
struct IngestReply {
  std::size_t accepted = 0;            ///< alerts that changed something
  std::size_t duplicates = 0;          ///< alerts that were known already
  std::vector<std::string> incidents;  ///< ids of the incidents that they belong to, each once

  bool operator==(const IngestReply&) const = default;
};

/// First stage of the pipeline: puts the alerts of a notification into the batch. An alert is one episode (fingerprint
/// and startsAt): known ones change nothing, a resolved one ends its episode, a new one joins its target's open
/// incident or begins one. Never acts. An Error (kStorage) means that nothing was put into the batch.
Result<IngestReply> take_in(Ledger& ledger, Jobs& jobs, const World& world, const AlertGroup& group,
                            WallTime received_at);

/// For an incident that relapsed: its evidence that began after the heal was verified begins a new incident, which the
/// guards look at as at any other.
void take_again(Ledger& ledger, Jobs& jobs, const World& world, const std::string& incident_id);

/// `am:<fingerprint>:<startsAt>`.
std::string episode_key(const Alert& alert);

}  // namespace heal::remedy
