#include "common/sim/memory_store.h"

#include <algorithm>
#include <tuple>

namespace heal {
namespace {

constexpr std::size_t kRevertedLeases = 100;

template <typename Map>
std::optional<typename Map::mapped_type> find_in(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

bool matches(const Incident& incident, const IncidentQuery& query) {
  const auto& states = query.states;
  if (!states.empty() && std::find(states.begin(), states.end(), incident.state) == states.end()) return false;
  if (!query.target.empty() && (!incident.target || incident.target->str() != query.target)) return false;
  if (!query.playbook.empty() && incident.playbook != query.playbook) return false;
  if (query.since && (!incident.times.detected_at || *incident.times.detected_at < *query.since)) return false;
  return query.before_id.empty() || incident.id < query.before_id;
}

}  // namespace

struct MemoryStore::Apply {
  MemoryStore& store;

  void operator()(const PutEpisode& put) HEAL_REQUIRES(store.mutex_) { store.episodes_[put.episode.key] = put.episode; }
  void operator()(const PutIncident& put) HEAL_REQUIRES(store.mutex_) {
    store.incidents_[put.incident.id] = put.incident;
  }
  void operator()(const PutStepIntent& put) HEAL_REQUIRES(store.mutex_) {
    store.open_steps_[{put.step.incident_id, put.step.step_id}] = put.step;
  }
  void operator()(const PutStepOutcome& put) HEAL_REQUIRES(store.mutex_) {
    store.open_steps_.erase({put.incident_id, put.step_id});
  }
  void operator()(const PutLease& put) HEAL_REQUIRES(store.mutex_) { store.leases_[put.lease.id] = put.lease; }
  void operator()(const PutValue& put) HEAL_REQUIRES(store.mutex_) { store.values_[put.key] = put.value; }
  void operator()(const DeleteValue& gone) HEAL_REQUIRES(store.mutex_) { store.values_.erase(gone.key); }
  void operator()(const AppendEntry& append) HEAL_REQUIRES(store.mutex_) {
    auto& entries = store.entries_;
    ChainedEntry chained{append.entry, {}};
    chained.entry.sequence = entries.size() + 1;
    chained.hash = chain_hash(entries.empty() ? Sha256{} : entries.back().hash, chained.entry);
    entries.push_back(std::move(chained));
  }
};

Status MemoryStore::commit(const std::vector<StoreWrite>& writes) {
  MutexLock lock(mutex_);
  for (const StoreWrite& write : writes)
    std::visit(Apply{*this}, write);
  return {};
}

Result<std::optional<Episode>> MemoryStore::episode(const std::string& key) {
  MutexLock lock(mutex_);
  return find_in(episodes_, key);
}

std::vector<Episode> MemoryStore::episodes_where(const std::function<bool(const Episode&)>& wanted) {
  std::vector<Episode> found;
  for (const auto& [key, episode] : episodes_) {
    if (wanted(episode)) found.push_back(episode);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Episode& a, const Episode& b) { return a.received_at < b.received_at; });
  return found;
}

Result<std::vector<Episode>> MemoryStore::episodes_of(const std::string& incident_id) {
  MutexLock lock(mutex_);
  return episodes_where([&](const Episode& episode) { return episode.incident_id == incident_id; });
}

Result<std::optional<Incident>> MemoryStore::incident(const std::string& id) {
  MutexLock lock(mutex_);
  return find_in(incidents_, id);
}

Result<std::vector<Incident>> MemoryStore::incidents(const IncidentQuery& query) {
  MutexLock lock(mutex_);
  std::vector<Incident> found;
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, 1000);
  for (auto it = incidents_.rbegin(); it != incidents_.rend() && found.size() < limit; ++it) {
    if (matches(it->second, query)) found.push_back(it->second);
  }
  return found;
}

Result<std::vector<Incident>> MemoryStore::open_incidents() {
  MutexLock lock(mutex_);
  std::vector<Incident> found;
  for (const auto& [id, incident] : incidents_) {
    if (!is_terminal(incident.state)) found.push_back(incident);
  }
  return found;
}

Result<std::vector<Episode>> MemoryStore::unresolved_episodes() {
  MutexLock lock(mutex_);
  return episodes_where([](const Episode& episode) { return !episode.resolved_at; });
}

Result<std::vector<TimelineEntry>> MemoryStore::timeline(const std::string& incident_id) {
  MutexLock lock(mutex_);
  std::vector<TimelineEntry> found;
  for (const auto& [entry, hash] : entries_) {
    if (entry.incident_id == incident_id) found.push_back(entry);
  }
  return found;
}

Result<std::vector<TimelineEntry>> MemoryStore::entries_after(std::uint64_t after, std::size_t limit) {
  MutexLock lock(mutex_);
  std::vector<TimelineEntry> found;
  for (std::size_t i = static_cast<std::size_t>(after); i < entries_.size() && found.size() < limit; ++i)
    found.push_back(entries_[i].entry);
  return found;
}

Result<std::vector<OpenStep>> MemoryStore::open_steps() {
  MutexLock lock(mutex_);
  std::vector<OpenStep> found;
  for (const auto& [key, step] : open_steps_)
    found.push_back(step);
  std::stable_sort(found.begin(), found.end(), [](const OpenStep& a, const OpenStep& b) {
    return std::tie(a.incident_id, a.intended_at) < std::tie(b.incident_id, b.intended_at);
  });
  return found;
}

Result<std::vector<FaultLease>> MemoryStore::leases() {
  MutexLock lock(mutex_);
  std::vector<FaultLease> newest_first;
  for (auto it = leases_.rbegin(); it != leases_.rend(); ++it)
    newest_first.push_back(it->second);
  std::stable_sort(newest_first.begin(), newest_first.end(),
                   [](const FaultLease& a, const FaultLease& b) { return a.injected_at > b.injected_at; });
  std::vector<FaultLease> found;
  std::size_t reverted = 0;
  for (const FaultLease& lease : newest_first) {
    if (lease.state != FaultLease::State::kReverted || ++reverted <= kRevertedLeases) found.push_back(lease);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Result<std::optional<std::string>> MemoryStore::value(const std::string& key) {
  MutexLock lock(mutex_);
  return find_in(values_, key);
}

Result<std::vector<std::pair<std::string, std::string>>> MemoryStore::values(const std::string& prefix) {
  MutexLock lock(mutex_);
  std::vector<std::pair<std::string, std::string>> found;
  for (auto it = values_.lower_bound(prefix); it != values_.end() && it->first.starts_with(prefix); ++it)
    found.emplace_back(it->first, it->second);
  return found;
}

Result<std::optional<std::uint64_t>> MemoryStore::first_altered_entry() {
  MutexLock lock(mutex_);
  Sha256 hash{};
  for (const auto& [entry, stored] : entries_) {
    hash = chain_hash(hash, entry);
    if (hash != stored) return std::optional(entry.sequence);
  }
  return std::optional<std::uint64_t>();
}

}  // namespace heal
