#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/snapshot.h"
#include "common/port/clock.h"
#include "common/port/random.h"
#include "common/port/store.h"
#include "common/remedy/batch_tally.h"
#include "common/remedy/controls.h"
#include "common/remedy/incident_states.h"
#include "common/remedy/metrics.h"
#include "common/remedy/own_action.h"
#include "common/remedy/progress.h"
#include "common/remedy/target_history.h"
#include "common/remedy/undo_map.h"
#include "common/telemetry/logger.h"
#include "common/wire/json_fwd.h"

namespace heal::remedy {

/// An incident that is not over.
struct OpenIncident {
  Incident incident;
  Progress progress;
  std::map<std::string, std::string> unknown_steps;  ///< with an intent and no outcome, found at the start: id to kind

  bool operator==(const OpenIncident&) const = default;
};

/// True for the states in which a worker may be acting on the target.
constexpr bool is_in_flight(IncidentState state) {
  return state == IncidentState::kExecuting || state == IncidentState::kVerifying;
}

/// An incident whose steps or verification run.
struct InFlight {
  std::string incident_id, target, group, playbook;

  bool operator==(const InFlight&) const = default;
};

/// Targets that incidents' steps hold, and which incident's.
using LockHolders = std::map<std::string, std::string>;

/// Between two looks at a target because evidence that is late, or of a fault that was healed, is told again: twins
/// tell it at the same time.
constexpr Duration kLookAgain = 1min;

/// All incident state, and the batch of changes to it that has not been committed yet. One thread (the coordinator's)
/// owns it. commit() makes the batch durable with one Store::commit and then runs its effects; when the store refuses,
/// everything in memory is as it was before and no effect runs.
class Ledger {
 public:
  /// `slots`: so many heals can run at a time.
  Ledger(Store& store, Clock& clock, Random& random, Logger logger, RemedyMetrics metrics, std::size_t slots);

  /// Reads what the store holds of open incidents, unresolved episodes, steps and targets.
  Status load();

  // What is there.
  const OpenIncident* find(const std::string& id) const { return open_.find(id); }
  const std::map<std::string, OpenIncident>& open() const { return open_.all(); }
  /// The open incident of `target`; nullptr when there is none.
  const OpenIncident* open_on(const std::string& target) const;
  const TargetHistory& history(const std::string& target) const;
  /// From the batch or the store.
  Result<std::optional<Episode>> episode(const std::string& key);
  /// Those of `keys` that are known, by key.
  Result<std::vector<Episode>> episodes(const std::set<std::string>& keys);
  /// The episode as this batch writes it; nullptr when it does not. Valid until the next change.
  const Episode* written_episode(const std::string& key) const;
  /// An incident, open or over.
  Result<std::optional<Incident>> incident(const std::string& id);
  /// Episodes of an incident that still fire, by key: the first `most` of them.
  Result<std::vector<Episode>> unresolved_of(const std::string& id, std::size_t most = SIZE_MAX);
  bool has_unresolved(const std::string& id) const;
  /// When our own steps last had `target` in their hands; nullptr when they never had.
  const OwnAction* own_action(const std::string& target) const { return acted_.find(target); }
  /// Incidents that hold one of `targets` because their steps may be changing it, and have shown life within the time
  /// of their lease; not `except`.
  std::map<std::string, std::string> holders(const std::vector<std::string>& targets, const std::string& except) const;

  /// Begins (or, after a restart, begins again) the time for which the locks of an incident hold without a sign of life
  /// of its run.
  void lease_locks(const std::string& id, Duration ttl);
  /// The fence before a step: renews the locks of the incident's run number `attempt`. kCancelled when another attempt
  /// is the newest, or when the locks ran out and somebody else has taken one: that run must touch nothing any more.
  Status hold_locks(const std::string& id, std::uint64_t attempt);
  /// Incidents whose steps or verification run; not `except`.
  std::vector<InFlight> in_flight(const std::string& except) const;
  /// How long ago steps of `target` were last begun or ended, by the clock that does not jump; nullopt when they were
  /// not since the start.
  std::optional<Duration> acted_ago(const std::string& target) const;
  /// What people and events have said against acting.
  const ControlState& controls() const { return controls_.state(); }
  /// The same, as far as it is durable. Thread-safe.
  std::shared_ptr<const ControlState> published_controls() const { return controls_.published(); }
  /// Which incident's steps hold which target, as it was last committed. Thread-safe.
  std::shared_ptr<const LockHolders> lock_holders() const { return lock_holders_.get(); }
  std::size_t recent_targets(WallTime now, Duration window) const { return controls_.recent_targets(now, window); }
  std::size_t unseen_alerts(WallTime now, Duration window) const { return controls_.unseen(now, window); }

  // Changes. All go into the batch.
  ControlState& edit_controls() { return controls_.edit(); }
  std::string new_id();
  /// False when evidence that is told again was a reason to look at `target` less than kLookAgain ago.
  bool may_look(const std::string& target);
  /// Begins an incident; it must not be there. A terminal one is written and not kept.
  void begin(Incident incident);
  /// The incident to change; it must be open. Written at commit.
  OpenIncident& edit(const std::string& id);
  /// Changes an incident that is over; its evidence ended for the reason `ended_by`.
  void put_closed(const Incident& incident, std::string_view ended_by);
  /// `before`: as it was, when it may have belonged to another incident.
  void put_episode(Episode episode, const Episode* before = nullptr);
  void put_history(const std::string& target, TargetHistory history);
  /// The same for what was noted too early: nothing was done to the target.
  void take_back_history(const std::string& target, TargetHistory history);
  /// What is in the future because the clock was set back by `by`, of targets and of the storm, happened by so much
  /// earlier.
  void bring_forward(Duration by);
  void append(const std::string& incident_id, std::string_view kind, std::string message, const Json& data);
  /// The same with `data` as the text of a JSON object.
  void append_text(const std::string& incident_id, std::string_view kind, std::string message, std::string data);
  /// Counts an event of a source once the batch is durable; `result` is one of words.h.
  void count_event(const std::string& source, std::string_view result) { tally_.count_event(source, result); }
  /// The same for a decision.
  void count_decision(const std::string& playbook, std::string_view result, std::string_view guard) {
    tally_.count_decision(playbook, result, guard);
  }
  /// The same for a step of `kind`; `outcome` is one of words::action_outcomes().
  void count_action(const std::string& playbook, const std::string& kind, std::string_view outcome) {
    tally_.count_action(playbook, kind, outcome);
  }
  void write(StoreWrite write) { writes_.push_back(std::move(write)); }
  /// What the table says about `event`: when it moves the incident, state, reason and message are set, the move is
  /// journaled, and a terminal one leaves memory at commit. Once its attempt is over, the steps that ran are counted by
  /// whether the heal was proven. False when it does not move.
  bool move(const std::string& id, IncidentEvent event, std::string_view reason, const std::string& message);
  /// Runs after the commit, in order.
  void effect(std::function<void()> effect) { effects_.push_back(std::move(effect)); }

  /// The incidents that the last commit changed or ended.
  const std::set<std::string>& last_changed() const { return last_changed_; }

  bool has_changes() const { return !writes_.empty() || !dirty_.empty() || !closed_.empty(); }
  Status commit();
  void rollback();

  Clock& clock() const { return clock_; }
  std::size_t slots() const { return slots_; }
  const RemedyMetrics& metrics() const { return metrics_; }
  const Logger& logger() const { return logger_; }
  Store& store() const { return store_; }

 private:
  void add_incidents();
  void forget_writes();
  void finish();
  /// Incidents of `of` and those that this batch changes: all that can be so now.
  std::set<std::string> candidates(const std::set<std::string>& of) const;
  /// What of `locked_` follows from this batch.
  void note_locks();
  /// The same of `acted_`, from the targets that steps touch from now on or that incidents have let go.
  void note_own_actions();
  Status load_own_actions();
  Status load_halted();
  void publish_locks();
  void forget_terminal();
  void note_halted();
  bool are_locks_over(const std::string& id) const;
  void end_move(OpenIncident& open);
  void judge_steps(OpenIncident& open);
  void see_health(const Incident& incident, WallTime at);
  void make_room(const OpenIncident& ended);
  void announce_move(const Incident& incident, IncidentState from);
  void show_gauges() const;
  void index(const std::string& id);

  Store& store_;
  Clock& clock_;
  Random& random_;
  const Logger logger_;
  const RemedyMetrics metrics_;
  const std::size_t slots_;

  struct LockLease {
    Duration ttl{};
    SteadyTime until{};
  };
  std::map<std::string, LockLease> leases_;  // by incident
  Controls controls_;
  UndoMap<std::string, SteadyTime> acted_at_;  // by target
  UndoMap<std::string, OpenIncident> open_;
  UndoMap<std::string, std::string> by_target_;
  struct Nothing {};
  UndoMap<std::pair<std::string, std::string>, Nothing> firing_;  // episodes that fire: incident and key
  UndoMap<std::string, TargetHistory> histories_;
  UndoMap<std::string, OwnAction> acted_;                   // by target
  UndoMap<std::string, std::vector<std::string>> locked_;   // by incident
  UndoMap<std::string, std::vector<std::string>> touched_;  // by incident: targets whose OwnAction has no end yet
  bool have_locks_changed_ = false;
  Snapshot<LockHolders> lock_holders_{std::make_shared<const LockHolders>()};

  std::set<std::string> halted_;
  std::map<std::string, SteadyTime> looked_at_;  // by target
  SteadyTime looks_forgotten_at_{};
  UlidSequence ids_;
  std::vector<StoreWrite> writes_;
  std::set<std::string> dirty_;
  std::map<std::string, Incident> closed_;
  std::unordered_map<std::string, std::size_t> written_episodes_;  // by key: where in writes_
  BatchTally tally_;
  std::vector<std::function<void()>> effects_;

  // What is told of open_ as it was last committed, so that no commit has to walk all of it.
  struct Shown {
    IncidentState state{};
    std::size_t unknown_steps = 0;
  };
  std::unordered_map<std::string, Shown> shown_;
  std::map<IncidentState, std::size_t> open_by_state_;
  std::size_t unknown_steps_ = 0;
  std::set<std::string> active_;   // incidents that hold locks or are in flight
  std::set<std::string> waiting_;  // incidents that are held until another one ends
  std::set<std::string> last_changed_;
};

/// The store's key for an incident's Progress.
std::string progress_key(const std::string& incident_id);

}  // namespace heal::remedy
