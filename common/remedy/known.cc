#include "common/remedy/known.h"

#include <set>
#include <utility>

#include "common/remedy/intake.h"

namespace heal::remedy {
namespace {

Status note(Ledger& ledger, Episode episode, Known& known) {
  const bool is_open = ledger.find(episode.incident_id) != nullptr;
  if (!episode.resolved_at && !episode.incident_id.empty() && !is_open) {
    HEAL_TRY(auto incident, ledger.incident(episode.incident_id));
    if (incident) known.incidents.emplace(incident->id, std::move(*incident));
  }
  known.episodes.insert_or_assign(episode.key, std::move(episode));
  return {};
}

}  // namespace

Result<Known> look_up(Ledger& ledger, const EventBatch& batch) {
  Known known;
  std::set<std::string> keys;
  for (const SourceEvent& event : batch.events)
    keys.insert(event.key);
  for (std::size_t n = 2; !keys.empty(); ++n) {
    HEAL_TRY(auto episodes, ledger.episodes(keys));
    keys.clear();
    for (Episode& episode : episodes) {
      // The further ones of `am:…` are `am:…#2`, `am:…#3`, without a gap.
      if (n <= kMostRoutesTaken) keys.insert(further_key(episode.key.substr(0, episode.key.rfind('#')), n));
      HEAL_TRY_STATUS(note(ledger, std::move(episode), known));
    }
  }
  return known;
}

}  // namespace heal::remedy
