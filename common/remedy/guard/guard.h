#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/remedy/investigate.h"
#include "common/remedy/target_history.h"

namespace heal::remedy {

/// What a guard looks at: gathered beforehand, so that guards are pure.
struct GuardSnapshot {
  WallTime now{};
  const Case& subject;
  const Dossier& dossier;  ///< with a plan
  const TargetHistory& history;
  std::map<std::string, std::string> holders;  ///< target that the steps change → incident that holds it now

  const playbook::Plan& plan() const { return *dossier.plan; }
  bool is_manual() const;
  /// Steps were begun before a restart, and the question is whether to go on.
  bool is_under_way() const { return subject.incident.state == IncidentState::kExecuting; }
};

/// What a guard says, and from what.
struct Verdict {
  enum class Kind {
    kAllow,
    kHold,    ///< ask again, at `until` if it says when
    kRefuse,  ///< do not act; asked again while the evidence lasts
    kStale,   ///< the trouble is over, or is not the one that the evidence is about; asked again while it lasts
    kShadow,  ///< would act, but the playbook must not
  };
  Kind kind = Kind::kAllow;
  std::string guard;
  std::string reason;   ///< closed set
  std::string message;  ///< for people
  std::optional<WallTime> until;
  bool is_blind = false;                                    ///< the guard could not find out, and its on_error decided
  std::vector<std::pair<std::string, std::string>> inputs;  ///< all that the verdict is made from

  bool operator==(const Verdict&) const = default;
};
std::string_view to_string(Verdict::Kind kind);  ///< allow, hold, refuse, stale, shadow

using Guard = Verdict (*)(const GuardSnapshot&);

// One file each.
Verdict guard_fresh_evidence(const GuardSnapshot& snapshot);
Verdict guard_before(const GuardSnapshot& snapshot);
Verdict guard_target_lock(const GuardSnapshot& snapshot);
Verdict guard_cooldown(const GuardSnapshot& snapshot);
Verdict guard_budget(const GuardSnapshot& snapshot);
Verdict guard_mode(const GuardSnapshot& snapshot);

/// All guards in the order in which they decide; mode is last, so that shadow says what the others would have allowed.
const std::vector<Guard>& all_guards();

/// How old a container must be before evidence that began earlier, and is still true, is about it too.
inline constexpr Duration kNewContainerPatience = 1min;
/// How long to wait for a target that another incident holds.
inline constexpr Duration kLockRetry = 1s;

/// The verdict of a guard that could not find out: by `on_error` allow, or hold.
Verdict blind_verdict(Verdict verdict, playbook::OnError on_error, std::string_view reason, std::string message);

/// What all guards said; the first that does not allow decides.
struct Decision {
  Verdict decisive;
  std::vector<Verdict> verdicts;
};
Decision ask_guards(const GuardSnapshot& snapshot);

}  // namespace heal::remedy
