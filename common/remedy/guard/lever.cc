#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_lever(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kLeverGuard;
  verdict.reason = "released";
  verdict.message = "the emergency lever is not engaged";
  const Lever& lever = snapshot.controls.lever;
  const LeverFile& file = snapshot.dossier.lever_file;
  verdict.inputs.emplace_back("lever", lever.is_engaged ? "engaged" : "released");
  if (lever.since)
    verdict.inputs.emplace_back("changed", fmt::format("{} by {}", format_rfc3339(*lever.since), lever.by));
  if (!lever.reason.empty()) verdict.inputs.emplace_back("reason", lever.reason);
  if (!file.path.empty()) verdict.inputs.emplace_back(file.path, file.message);
  if (lever.is_engaged) {
    verdict.message = fmt::format("{} engaged the emergency lever at {}{}", lever.by,
                                  lever.since ? format_rfc3339(*lever.since) : "an unknown time",
                                  lever.reason.empty() ? "" : ": " + lever.reason);
  } else if (!file.is_run) {
    verdict.message =
        fmt::format("the emergency lever's file {} {}; only \"run\" lets anything be done", file.path, file.message);
  } else {
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = words::kLeverEngaged;
  verdict.until = snapshot.now + kControlRetry;
  return verdict;
}

}  // namespace heal::remedy
