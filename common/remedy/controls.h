#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/snapshot.h"
#include "common/base/time.h"
#include "common/port/store.h"
#include "common/wire/json_fwd.h"

namespace heal::remedy {

/// The emergency lever as the API sets it. While it is engaged nothing new begins, and what runs stops at its next safe
/// point. Persisted under `control/lever`.
struct Lever {
  bool is_engaged = false;
  std::string by, reason;
  std::optional<WallTime> since;  ///< of the last change

  bool operator==(const Lever&) const = default;
};

/// One person's (or program's) reason not to begin anything new; what runs goes on. Persisted under `pause/<name>`.
struct Pause {
  std::string name;  ///< of letters, digits and `._-`, at most 64: who ends it must name it
  std::string by, reason;
  WallTime since{};
  std::optional<WallTime> until;  ///< it ends by itself

  bool is_in_force(WallTime now) const { return !until || now < *until; }
  bool operator==(const Pause&) const = default;
};

/// Many incidents at once: nothing is begun before `until`. Persisted under `control/storm`.
struct Storm {
  WallTime since{}, until{};
  std::size_t incidents = 0;  ///< at its height

  bool is_active(WallTime now) const { return now < until; }
  bool operator==(const Storm&) const = default;
};

/// Healing this target with this playbook was tried too often. Persisted under `breaker/<playbook>/<target>`.
struct Breaker {
  std::string playbook, target;
  std::string reason;       ///< budget_exhausted or flapping
  std::string message;      ///< what the guard said
  std::string incident_id;  ///< the one that opened it
  WallTime opened_at{};

  std::string key() const { return playbook + "/" + target; }
  bool operator==(const Breaker&) const = default;
};

/// Alertmanager tells a group that has not changed again after `repeat_interval`, which is 4h unless it is set: within
/// this time the next notification shows whether it still leaves alerts out.
inline constexpr Duration kTruncationHolds = 5h;

/// Alerts that the newest notification of a group left out: nobody knows which targets they are about. Persisted under
/// `truncation/<SHA-256 of the group and its sender>`.
struct Truncation {
  std::string group, receiver;  ///< groupKey and receiver, printable
  std::uint64_t alerts = 0;
  WallTime at{};            ///< when the newest notification that left some out arrived
  bool is_over = false;     ///< one has arrived since that left out none
  std::string sender{};     ///< EventBatch::sender, printable: what a twin knows may be less
  std::uint64_t total = 0;  ///< alerts of the group then, those told and those left out

  bool is_in_force(WallTime now) const { return !is_over && now - at < kTruncationHolds; }
  bool operator==(const Truncation&) const = default;
};

/// Everything that people and events have said against acting. Immutable where it is shared.
struct ControlState {
  Lever lever;
  std::map<std::string, Pause> pauses;            ///< by name
  std::map<std::string, Breaker> breakers;        ///< open ones, by key()
  std::optional<Storm> storm;                     ///< the last one
  std::map<std::string, Truncation> truncations;  ///< by id of their group and sender

  const Breaker* breaker(const std::string& playbook, const std::string& target) const;
  bool operator==(const ControlState&) const = default;
};

Json to_json(const Lever& lever);
Json to_json(const Pause& pause);
Json to_json(const Storm& storm);
Json to_json(const Breaker& breaker);
Json to_json(const Truncation& truncation);

/// An incident that began, for the storm brake.
struct RecentIncident {
  WallTime at{};
  std::string target;

  bool operator==(const RecentIncident&) const = default;
};

/// The control state with the changes of the batch that is not committed yet. The coordinator's thread owns it;
/// published() is for everybody.
class Controls {
 public:
  Controls();

  /// Reads what the store holds; incidents since `since` count for the storm brake.
  Status load(Store& store, WallTime since);

  const ControlState& state() const { return draft_ ? *draft_ : *committed_; }
  /// To change within the batch; whoever changes it writes the change to the store as well.
  ControlState& edit();
  /// An incident on `target` began.
  void note_incident(const std::string& target, WallTime at);
  /// On how many different targets incidents began in `(now - window, now]`; alerts that were left out count as targets
  /// of their own, by the notification that left out most. Cheap, however many there were.
  std::size_t recent_targets(WallTime now, Duration window) const;
  /// How many of those are alerts that were left out.
  std::size_t unseen(WallTime now, Duration window) const;

  /// What is known of storms happened so much earlier, by a clock that was set back since; effective at once.
  void bring_recent_forward(Duration by);

  void commit(WallTime now);
  void rollback();

  /// What is durable. Thread-safe.
  std::shared_ptr<const ControlState> published() const { return published_.get(); }

 private:
  std::shared_ptr<const ControlState> committed_;
  std::optional<ControlState> draft_;
  void count_newest(const RecentIncident& incident);
  void recount();

  std::deque<RecentIncident> recent_;
  std::size_t recent_committed_ = 0;
  std::unordered_map<std::string, WallTime> newest_;  // of recent_, by target
  std::vector<WallTime> newest_times_;                // of newest_, in order
  Snapshot<ControlState> published_;
};

inline constexpr std::string_view kLeverKey = "control/lever";
inline constexpr std::string_view kStormKey = "control/storm";
inline constexpr std::string_view kPausePrefix = "pause/";
inline constexpr std::string_view kBreakerPrefix = "breaker/";
inline constexpr std::string_view kTruncationPrefix = "truncation/";

}  // namespace heal::remedy
