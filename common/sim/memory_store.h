#pragma once

#include <deque>
#include <functional>
#include <map>

#include "common/base/mutex.h"
#include "common/port/journal.h"
#include "common/port/store.h"

namespace heal {

/// A store that forgets when it goes away. Otherwise as the real one: the same orders, the same all or nothing, and a
/// chained journal. Thread-safe.
class MemoryStore : public Store {
 public:
  Status commit(const std::vector<StoreWrite>& writes) override;
  Status check_writable() override { return {}; }
  Status admits() override { return {}; }
  Result<std::optional<Episode>> episode(const std::string& key) override;
  Result<std::vector<Episode>> episodes(const std::vector<std::string>& keys) override;
  Result<std::vector<Episode>> episodes_of(const std::string& incident_id) override;
  Result<std::optional<Incident>> incident(const std::string& id) override;
  Result<std::vector<Incident>> incidents(const IncidentQuery& query) override;
  Result<std::vector<Incident>> open_incidents() override;
  Result<std::vector<Episode>> unresolved_episodes() override;
  Result<std::vector<EpisodeRef>> unresolved_refs() override;
  Status each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) override;
  Result<std::vector<TimelineEntry>> timeline(const std::string& incident_id) override;
  Result<std::vector<TimelineEntry>> entries_after(std::uint64_t after, std::size_t limit) override;
  Result<std::vector<OpenStep>> open_steps() override;
  Result<std::vector<FaultLease>> leases() override;
  Result<std::optional<std::string>> value(const std::string& key) override;
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) override;
  Result<JournalCheck> check_journal() override;
  Result<Swept> sweep(const SweepOrder& order) override;
  Status back_up(const std::string& file) override;

 private:
  struct ChainedEntry {
    TimelineEntry entry;
    Sha256 hash;
    bool is_swept() const { return entry.kind.empty(); }
  };
  class Sweep;
  struct Apply;

  std::vector<Episode> episodes_where(const std::function<bool(const Episode&)>& wanted) HEAL_REQUIRES(mutex_);

  Mutex mutex_;
  std::map<std::string, Episode> episodes_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, Incident> incidents_ HEAL_GUARDED_BY(mutex_);
  Checkpoint checkpoint_ HEAL_GUARDED_BY(mutex_);
  std::deque<ChainedEntry> entries_ HEAL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, OpenStep> open_steps_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, FaultLease> leases_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> values_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
