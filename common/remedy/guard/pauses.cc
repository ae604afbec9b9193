#include <algorithm>

#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_pauses(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kPausesGuard;
  verdict.reason = "not_paused";
  verdict.message = "nobody has paused healing";
  const Pause* first = nullptr;
  std::size_t others = 0;
  std::optional<WallTime> first_end;
  for (const auto& [name, pause] : snapshot.controls.pauses) {
    if (!pause.is_in_force(snapshot.now)) continue;
    verdict.inputs.emplace_back(name,
                                fmt::format("by {} since {}{}: {}", pause.by, format_rfc3339(pause.since),
                                            pause.until ? " until " + format_rfc3339(*pause.until) : "", pause.reason));
    if (first == nullptr) {
      first = &pause;
    } else {
      ++others;
    }
    if (pause.until && (!first_end || *pause.until < *first_end)) first_end = pause.until;
  }
  if (first == nullptr) return verdict;
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = words::kPaused;
  verdict.message = fmt::format("paused by {} ({}){}: {}", first->by, first->name,
                                others > 0 ? fmt::format(" and {} more", others) : "", first->reason);
  // Whoever ends a pause wakes those that wait; this is for the ones that end by themselves.
  verdict.until = std::min(first_end.value_or(snapshot.now + kPauseRetry), snapshot.now + kPauseRetry);
  return verdict;
}

}  // namespace heal::remedy
