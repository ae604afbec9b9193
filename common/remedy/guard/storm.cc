#include <fmt/format.h>

#include "common/remedy/guard/guard.h"
#include "common/remedy/words.h"

namespace heal::remedy {

Verdict guard_storm(const GuardSnapshot& snapshot) {
  Verdict verdict;
  verdict.guard = words::kStormGuard;
  verdict.reason = "calm";
  const auto& brake = snapshot.dossier.world->bundle.config.safety.storm;
  if (brake.state == playbook::GuardSwitch::kOff) {
    verdict.reason = "off";
    verdict.message = "switched off";
    return verdict;
  }
  const auto& storm = snapshot.controls.storm;
  verdict.inputs.emplace_back("incidents", fmt::format("{}", snapshot.recent_targets));
  if (snapshot.unseen_alerts > 0) {
    verdict.inputs.emplace_back("alerts_left_out", fmt::format("{}, each counted as a target", snapshot.unseen_alerts));
  }
  verdict.inputs.emplace_back("allowed", fmt::format("{}", brake.incidents));
  verdict.inputs.emplace_back("window", format_duration(brake.window));
  verdict.inputs.emplace_back("cooldown", format_duration(brake.cooldown));
  verdict.inputs.emplace_back("storm_until", storm ? format_rfc3339_nano(storm->until) : "none");
  if (!storm || !storm->is_active(snapshot.now)) {
    verdict.message = fmt::format("incidents on {} target(s) within {}; more than {} would be a storm",
                                  snapshot.recent_targets, format_duration(brake.window), brake.incidents);
    return verdict;
  }
  verdict.kind = Verdict::Kind::kHold;
  verdict.reason = words::kStorm;
  verdict.until = storm->until;
  verdict.message = fmt::format("storm since {}: incidents on {} targets; nothing is begun before {}",
                                format_rfc3339(storm->since), storm->incidents, format_rfc3339(storm->until));
  return verdict;
}

}  // namespace heal::remedy
