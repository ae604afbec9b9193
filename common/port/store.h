#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/fault_lease.h"
#include "common/model/incident.h"

namespace heal {

/// One step's intent without an outcome, found after a restart.
struct OpenStep {
  std::string incident_id;
  std::string step_id;  ///< `<attempt>/<index>/<name>/<try>`, unique in its incident
  WallTime intended_at{};
  std::string data;  ///< JSON as journaled with the intent

  bool operator==(const OpenStep&) const = default;
};

struct PutEpisode {
  Episode episode;
};
struct PutIncident {
  Incident incident;
};
struct AppendEntry {
  TimelineEntry entry;
};  ///< `sequence` is given by the store
struct PutStepIntent {
  OpenStep step;
};
/// Takes the step out of the open ones; the outcome itself is an entry. No error when it was not open.
struct PutStepOutcome {
  std::string incident_id, step_id;
};
struct PutLease {
  FaultLease lease;
};
/// A small value under a name, for what must survive (boot counters, budgets, cooldowns by target).
struct PutValue {
  std::string key, value;
};
struct DeleteValue {
  std::string key;
};
using StoreWrite =
    std::variant<PutEpisode, PutIncident, AppendEntry, PutStepIntent, PutStepOutcome, PutLease, PutValue, DeleteValue>;

/// The journal's hash chain: hash of entry n = SHA-256(hash of entry n-1 ‖ every field of entry n, each with its
/// length). `previous` of the first entry is all zeros.
Sha256 chain_hash(const Sha256& previous, const TimelineEntry& entry);
/// The same for an entry that has `sequence` instead of its own.
Sha256 chain_hash(const Sha256& previous, const TimelineEntry& entry, std::uint64_t sequence);

/// Where an incident stands in the order of retention.
struct SweepCursor {
  WallTime detected_at{};
  std::string id;

  bool operator==(const SweepCursor&) const = default;
};

/// One small step of retention.
struct SweepOrder {
  WallTime before{};                 ///< what ended before this goes
  WallTime now{};                    ///< for the journal
  std::optional<SweepCursor> after;  ///< go on behind this incident; absent: from the oldest
  std::size_t limit = 100;           ///< incidents that are looked at
};

/// What a step took away.
struct Swept {
  std::size_t incidents = 0, episodes = 0;
  std::size_t entries = 0;          ///< of the journal
  std::optional<SweepCursor> next;  ///< where to go on; absent: nothing older is left to look at

  bool operator==(const Swept&) const = default;
};

/// What reading the whole journal found.
struct JournalCheck {
  std::optional<std::uint64_t> first_altered;  ///< the first entry that was altered or is missing
  std::uint64_t entries = 0;                   ///< entries that were read whole
  std::uint64_t first = 1;                     ///< the oldest that may be there: retention took those before
  std::uint64_t last = 0;                      ///< the newest
  Sha256 head{};                               ///< its hash: whoever keeps it can tell a journal that was made anew

  bool operator==(const JournalCheck&) const = default;
};

/// What `incidents()` selects. All given conditions must hold.
struct IncidentQuery {
  std::vector<IncidentState> states;  ///< any of; empty: all
  std::string target;                 ///< exact text of the target; "": all
  std::string playbook;               ///< exact; "": all
  std::optional<WallTime> since;      ///< detected at or after
  std::string before_id;              ///< cursor: ids smaller than this; "": from the newest
  std::size_t limit = 50;             ///< 1 to 1000
};

/// An episode that still fires, without what it says.
struct EpisodeRef {
  std::string key, source, incident_id;

  bool operator==(const EpisodeRef&) const = default;
};

/// The service's memory. One process at a time holds it. `commit` is all or nothing and durable when it returns
/// success: what it wrote survives kill -9 and power loss. Reads see committed data. Thread-safe. Errors: kStorage
/// (disk full, I/O, corruption) — then nothing of that commit was written.
class Store {
 public:
  virtual ~Store() = default;

  virtual Status commit(const std::vector<StoreWrite>& writes) = 0;
  /// Whether a commit may be expected to succeed now. After one that failed this tries a small one, so that a store
  /// that works again is known to: ask it every few seconds at most. May block as commit() does.
  virtual Status check_writable() = 0;
  /// Whether new work may be begun. kStorage while commits succeed only because a reserve is being used up: then what
  /// runs can still be recorded, and nothing new should be taken. Cheap; heals by itself once there is room.
  virtual Status admits() = 0;

  virtual Result<std::optional<Episode>> episode(const std::string& key) = 0;
  virtual Result<std::vector<Episode>> episodes(const std::vector<std::string>& keys) = 0;  ///< those there are; by key
  virtual Result<std::vector<Episode>> episodes_of(const std::string& incident_id) = 0;  ///< by received_at, then key
  virtual Result<std::optional<Incident>> incident(const std::string& id) = 0;
  virtual Result<std::vector<Incident>> incidents(const IncidentQuery& query) = 0;  ///< newest first
  virtual Result<std::vector<Incident>> open_incidents() = 0;      ///< state not terminal; oldest first
  virtual Result<std::vector<Episode>> unresolved_episodes() = 0;  ///< by received_at, then key
  virtual Result<std::vector<EpisodeRef>> unresolved_refs() = 0;   ///< the same, in the same order
  /// Gives the unresolved episodes of `source` to `visit`, one after another, by received_at, then key; holds one at a
  /// time. `visit` must not call the store.
  virtual Status each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) = 0;
  virtual Result<std::vector<TimelineEntry>> timeline(const std::string& incident_id) = 0;
  /// Entries with sequence > `after`, oldest first, at most `limit`: for followers.
  virtual Result<std::vector<TimelineEntry>> entries_after(std::uint64_t after, std::size_t limit) = 0;
  virtual Result<std::vector<OpenStep>> open_steps() = 0;  ///< by incident, then time of the intent
  /// All that are not reverted, and the last 100 reverted ones; by injected_at, then id.
  virtual Result<std::vector<FaultLease>> leases() = 0;
  virtual Result<std::optional<std::string>> value(const std::string& key) = 0;
  /// All whose key begins with `prefix`, by key.
  virtual Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) = 0;
  /// Reads the whole journal and follows its chain of hashes.
  virtual Result<JournalCheck> check_journal() = 0;
  /// Deletes incidents that are over, were closed before `order.before` and whose alerts have all ended, with their
  /// episodes and the text of their journal entries; after the last incident also what else of the journal is older,
  /// and the leases of faults that began before and were undone. Of
  /// an entry in the middle of the journal its number and hash stay, so that the chain can be followed; the entry
  /// "retention" that each step leaves says which ones it took. Stored values stay. All or nothing, durable.
  virtual Result<Swept> sweep(const SweepOrder& order) = 0;
  /// Writes all that is committed to a new file, from which a store can be restored, while commits go on. kConflict
  /// when the file is there; kRefused from a store that has no files.
  virtual Status back_up(const std::string& file) = 0;

  /// JournalCheck::first_altered.
  Result<std::optional<std::uint64_t>> first_altered_entry();
};

}  // namespace heal
