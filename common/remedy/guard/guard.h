#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/remedy/controls.h"
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
  const ControlState& controls;
  std::vector<InFlight> in_flight;         ///< other incidents whose steps or verification run
  std::size_t recent_targets = 0;          ///< on how many targets incidents began within the storm brake's window
  std::optional<Duration> acted_ago;       ///< since the target's last action, by a clock that does not jump
  std::size_t slots = 1;                   ///< heals that this service can run at a time
  std::size_t unseen_alerts = 0;           ///< of recent_targets: alerts that a notification left out
  std::vector<Truncation> truncated = {};  ///< what notifications that told of this incident left out

  const playbook::Plan& plan() const { return *dossier.plan; }
  /// How long the target was known to be healthy before this incident; nullopt when it was not.
  std::optional<Duration> healthy_before() const;
  bool is_manual() const;
  /// Steps were begun before a restart, and the question is whether to go on.
  bool is_under_way() const { return subject.incident.state == IncidentState::kExecuting; }
};

/// How many of a group there are, and how many of them are not to be counted on.
struct PopulationCount {
  std::string group;
  std::size_t members = 0, unhealthy = 0;

  bool operator==(const PopulationCount&) const = default;
};

/// What a guard says, and from what.
struct Verdict {
  enum class Kind {
    kAllow,
    kHold,    ///< ask again, at `until` if it says when
    kRefuse,  ///< do not act; asked again while the evidence lasts
    kStale,   ///< the trouble is over, or is not the one that the evidence is about; asked again while it lasts
    kShadow,  ///< would act, but the playbook must not
    kAsk,     ///< a human must agree until `until`
  };
  Kind kind = Kind::kAllow;
  std::string guard;
  std::string reason;   ///< closed set
  std::string message;  ///< for people
  std::optional<WallTime> until;
  bool is_blind = false;                                    ///< the guard could not find out, and its on_error decided
  std::vector<std::pair<std::string, std::string>> inputs;  ///< all that the verdict is made from
  std::optional<PopulationCount> population;                ///< what the guard of that name has counted

  bool operator==(const Verdict&) const = default;
};
std::string_view to_string(Verdict::Kind kind);  ///< allow, hold, refuse, stale, shadow, ask

using Guard = Verdict (*)(const GuardSnapshot&);

// One file each, in the order in which they decide.
Verdict guard_lever(const GuardSnapshot& snapshot);
Verdict guard_store(const GuardSnapshot& snapshot);
Verdict guard_fresh_evidence(const GuardSnapshot& snapshot);
Verdict guard_before(const GuardSnapshot& snapshot);
Verdict guard_pauses(const GuardSnapshot& snapshot);
Verdict guard_windows(const GuardSnapshot& snapshot);
Verdict guard_blocking_alerts(const GuardSnapshot& snapshot);
Verdict guard_storm(const GuardSnapshot& snapshot);
Verdict guard_breaker(const GuardSnapshot& snapshot);
Verdict guard_flap(const GuardSnapshot& snapshot);
Verdict guard_budget(const GuardSnapshot& snapshot);
Verdict guard_cooldown(const GuardSnapshot& snapshot);
Verdict guard_target_lock(const GuardSnapshot& snapshot);
Verdict guard_in_flight(const GuardSnapshot& snapshot);
Verdict guard_population(const GuardSnapshot& snapshot);
Verdict guard_mode(const GuardSnapshot& snapshot);

/// A guard and its name in words.h.
struct NamedGuard {
  std::string_view name;
  Guard ask = nullptr;
};
/// All guards in the order in which they decide: the lever and the store before everything; then whether there is still
/// anything to heal; then what holds for all targets, for this one, and for its neighbours; mode is last, so that
/// shadow says what the others would have allowed.
const std::vector<NamedGuard>& all_guards();

/// How old a container must be before evidence that began earlier, and is still true, is about it too.
inline constexpr Duration kNewContainerPatience = 1min;
/// How long to wait for a target that another incident holds.
inline constexpr Duration kLockRetry = 1s;
/// The same for the lever (its file says nothing by itself), for pauses, for room among the running heals (the end of
/// one wakes the next), and for members of a group to become healthy.
inline constexpr Duration kControlRetry = 10s;
inline constexpr Duration kPauseRetry = 5min;
inline constexpr Duration kRoomRetry = 15s;
inline constexpr Duration kPopulationRetry = 15s;
/// And for a window to open or close, and a blocking alert to end.
inline constexpr Duration kWindowRetry = 15min;
inline constexpr Duration kBlockingRetry = 15s;

/// The verdict of a guard that could not find out: by `on_error` allow, or hold.
Verdict blind_verdict(Verdict verdict, playbook::OnError on_error, std::string_view reason, std::string message);

/// What all guards said; the first that does not allow decides.
struct Decision {
  Verdict decisive;
  std::vector<Verdict> verdicts;
};
Decision ask_guards(const GuardSnapshot& snapshot);

}  // namespace heal::remedy
