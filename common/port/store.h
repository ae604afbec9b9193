#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/incident.h"

namespace heal {

/// A fault that we injected and must undo. Written before anything is touched.
struct FaultLease {
  enum class State { kIntended, kApplied, kReverting, kReverted, kRevertFailed };
  std::string id;
  std::string kind;  ///< stop, kill, crash, pause, partition
  TargetId target;
  State state = State::kIntended;  ///< intended after a restart counts as applied
  WallTime injected_at{};
  WallTime deadline{};
  std::string owner;       ///< who asked
  std::string original;    ///< JSON: the container's identity and state before
  std::string undo;        ///< JSON: what undo needs
  std::string last_error;  ///< of the last attempt to undo

  bool operator==(const FaultLease&) const = default;
};
std::string_view to_string(FaultLease::State state);
std::optional<FaultLease::State> parse_lease_state(std::string_view text);

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

/// What `incidents()` selects. All given conditions must hold.
struct IncidentQuery {
  std::vector<IncidentState> states;  ///< any of; empty: all
  std::string target;                 ///< exact text of the target; "": all
  std::string playbook;               ///< exact; "": all
  std::optional<WallTime> since;      ///< detected at or after
  std::string before_id;              ///< cursor: ids smaller than this; "": from the newest
  std::size_t limit = 50;             ///< 1 to 1000
};

/// The service's memory. One process at a time holds it. `commit` is all or nothing and durable when it returns
/// success: what it wrote survives kill -9 and power loss. Reads see committed data. Thread-safe. Errors: kStorage
/// (disk full, I/O, corruption) — then nothing of that commit was written.
class Store {
 public:
  virtual ~Store() = default;

  virtual Status commit(const std::vector<StoreWrite>& writes) = 0;

  virtual Result<std::optional<Episode>> episode(const std::string& key) = 0;
  virtual Result<std::vector<Episode>> episodes_of(const std::string& incident_id) = 0;
  virtual Result<std::optional<Incident>> incident(const std::string& id) = 0;
  virtual Result<std::vector<Incident>> incidents(const IncidentQuery& query) = 0;  ///< newest first
  virtual Result<std::vector<Incident>> open_incidents() = 0;                       ///< state not terminal
  virtual Result<std::vector<Episode>> unresolved_episodes() = 0;
  virtual Result<std::vector<TimelineEntry>> timeline(const std::string& incident_id) = 0;
  /// Entries with sequence > `after`, oldest first, at most `limit`: for followers.
  virtual Result<std::vector<TimelineEntry>> entries_after(std::uint64_t after, std::size_t limit) = 0;
  virtual Result<std::vector<OpenStep>> open_steps() = 0;
  virtual Result<std::vector<FaultLease>> leases() = 0;  ///< all that are not reverted, and the last 100 reverted ones
  virtual Result<std::optional<std::string>> value(const std::string& key) = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) = 0;
  /// Walks the hash chain of the journal; the sequence of the first entry that does not fit, or nullopt.
  virtual Result<std::optional<std::uint64_t>> first_altered_entry() = 0;
};

}  // namespace heal
