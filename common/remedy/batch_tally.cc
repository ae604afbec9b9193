#include "common/remedy/batch_tally.h"

#include "common/remedy/words.h"

namespace heal::remedy {

void BatchTally::show(const RemedyMetrics& metrics) {
  for (const auto& [what, count] : events_) {
    metrics.events.at({what.first, std::string(what.second)}).increment(static_cast<double>(count));
    if (what.second == words::kDuplicate) metrics.duplicates.at({what.first}).increment(static_cast<double>(count));
  }
  for (const auto& [state, count] : moves_)
    metrics.moves.at({std::string(to_string(state))}).increment(static_cast<double>(count));
  for (const auto& [what, count] : decisions_) {
    const auto& [playbook, result, guard] = what;
    metrics.decisions.at({playbook, std::string(result), std::string(guard)}).increment(static_cast<double>(count));
  }
  for (const auto& [what, count] : actions_) {
    const auto& [playbook, kind, outcome] = what;
    metrics.actions.at({playbook, kind, outcome}).increment(static_cast<double>(count));
  }
  clear();
}

void BatchTally::clear() {
  events_.clear();
  moves_.clear();
  decisions_.clear();
  actions_.clear();
}

}  // namespace heal::remedy
