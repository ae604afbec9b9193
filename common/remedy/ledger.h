#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/port/clock.h"
#include "common/port/random.h"
#include "common/port/store.h"
#include "common/remedy/incident_states.h"
#include "common/remedy/metrics.h"
#include "common/remedy/target_history.h"
#include "common/remedy/undo_map.h"
#include "common/telemetry/logger.h"
#include "common/wire/json_fwd.h"

namespace heal::remedy {

/// What an open incident needs beyond its public face. Persisted under `progress/<incident>` until it is over.
struct Progress {
  std::map<std::string, std::string, std::less<>> params;  ///< as the route or the operator gave them: frozen
  std::string container_id;         ///< the container that the evidence is about, once it was seen; "" before
  std::optional<WallTime> wake_at;  ///< held: when the guards are asked again; recovered: the next look at its health
  std::optional<WallTime> held_since;  ///< since when something has kept it from being healed
  std::optional<WallTime> settle_at;   ///< recovered: when stay_healthy has passed
  std::optional<WallTime> stepped_at;  ///< when the last step ended
  std::vector<std::string> locks;      ///< targets that its steps change, while they run

  bool operator==(const Progress&) const = default;
};

/// An incident that is not over.
struct OpenIncident {
  Incident incident;
  Progress progress;
  std::set<std::string> unresolved;     ///< keys of its episodes that still fire
  std::set<std::string> unknown_steps;  ///< step ids with an intent and no outcome, found at the start

  bool operator==(const OpenIncident&) const = default;
};

/// All incident state, and the batch of changes to it that has not been committed yet. One thread (the coordinator's)
/// owns it. commit() makes the batch durable with one Store::commit and then runs its effects; when the store refuses,
/// everything in memory is as it was before and no effect runs.
class Ledger {
 public:
  Ledger(Store& store, Clock& clock, Random& random, Logger logger, RemedyMetrics metrics);

  /// Reads what the store holds of open incidents, unresolved episodes, steps and targets.
  Status load();

  // What is there.
  const OpenIncident* find(const std::string& id) const { return open_.find(id); }
  const std::map<std::string, OpenIncident>& open() const { return open_.all(); }
  /// The open incident of `target`; nullptr when there is none.
  const OpenIncident* open_on(const std::string& target) const;
  const TargetHistory& history(const std::string& target) const;
  /// From memory or the store.
  Result<std::optional<Episode>> episode(const std::string& key);
  /// An incident, open or over.
  Result<std::optional<Incident>> incident(const std::string& id);
  /// Episodes of an open incident that still fire.
  std::vector<Episode> unresolved_of(const OpenIncident& open) const;
  /// True while an episode of that key is known and fires.
  bool is_unresolved(const std::string& episode_key) const;
  /// Incidents that hold one of `targets` because their steps may be changing it; not `except`.
  std::map<std::string, std::string> holders(const std::vector<std::string>& targets, const std::string& except) const;

  // Changes. All go into the batch.
  std::string new_id();
  /// Begins an incident; it must not be there. A terminal one is written and not kept.
  void begin(Incident incident);
  /// The incident to change; it must be open. Written at commit.
  OpenIncident& edit(const std::string& id);
  /// Changes an incident that may be over.
  void put_closed(const Incident& incident) { closed_[incident.id] = incident; }
  void put_episode(const Episode& episode);
  void put_history(const std::string& target, TargetHistory history);
  void append(const std::string& incident_id, std::string_view kind, std::string message, const Json& data);
  void write(StoreWrite write) { writes_.push_back(std::move(write)); }
  /// What the table says about `event`: when it moves the incident, state, reason and message are set, the move is
  /// journaled, and a terminal one leaves memory at commit. False when it does not move.
  bool move(const std::string& id, IncidentEvent event, std::string_view reason, std::string message);
  /// Runs after the commit, in order.
  void effect(std::function<void()> effect) { effects_.push_back(std::move(effect)); }

  bool has_changes() const { return !writes_.empty() || !dirty_.empty() || !closed_.empty(); }
  Status commit();
  void rollback();

  Clock& clock() const { return clock_; }
  const RemedyMetrics& metrics() const { return metrics_; }
  const Logger& logger() const { return logger_; }
  Store& store() const { return store_; }

 private:
  std::vector<StoreWrite> collect_writes() const;
  void forget_terminal();
  void announce_move(const Incident& incident, IncidentState from);
  void show_gauges() const;

  Store& store_;
  Clock& clock_;
  Random& random_;
  const Logger logger_;
  const RemedyMetrics metrics_;

  UndoMap<std::string, OpenIncident> open_;
  UndoMap<std::string, std::string> by_target_;
  UndoMap<std::string, Episode> episodes_;  // unresolved ones
  UndoMap<std::string, TargetHistory> histories_;

  std::vector<StoreWrite> writes_;
  std::set<std::string> dirty_;
  std::map<std::string, Incident> closed_;
  std::map<std::string, Episode> written_episodes_;  // resolved within this batch
  std::vector<std::function<void()>> effects_;
};

/// The store's key for an incident's Progress.
std::string progress_key(const std::string& incident_id);

}  // namespace heal::remedy
