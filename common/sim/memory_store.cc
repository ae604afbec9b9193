#include "common/sim/memory_store.h"

#include <algorithm>
#include <set>
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
    chained.entry.sequence = store.checkpoint_.sequence + entries.size() + 1;
    chained.hash = chain_hash(entries.empty() ? store.checkpoint_.hash : entries.back().hash, chained.entry);
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

Result<std::vector<Episode>> MemoryStore::episodes(const std::vector<std::string>& keys) {
  const std::set<std::string> sorted(keys.begin(), keys.end());
  MutexLock lock(mutex_);
  std::vector<Episode> found;
  for (const std::string& key : sorted) {
    if (auto episode = find_in(episodes_, key)) found.push_back(std::move(*episode));
  }
  return found;
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

Result<std::vector<EpisodeRef>> MemoryStore::unresolved_refs() {
  HEAL_TRY(const auto episodes, unresolved_episodes());
  std::vector<EpisodeRef> found;
  for (const Episode& episode : episodes)
    found.push_back({episode.key, episode.source, episode.incident_id});
  return found;
}

Status MemoryStore::each_unresolved(const std::string& source, const std::function<void(const Episode&)>& visit) {
  HEAL_TRY(const auto episodes, unresolved_episodes());
  for (const Episode& episode : episodes) {
    if (episode.source == source) visit(episode);
  }
  return {};
}

Result<std::vector<TimelineEntry>> MemoryStore::timeline(const std::string& incident_id) {
  MutexLock lock(mutex_);
  std::vector<TimelineEntry> found;
  for (const ChainedEntry& chained : entries_) {
    if (chained.entry.incident_id == incident_id && !chained.is_swept()) found.push_back(chained.entry);
  }
  return found;
}

Result<std::vector<TimelineEntry>> MemoryStore::entries_after(std::uint64_t after, std::size_t limit) {
  MutexLock lock(mutex_);
  std::vector<TimelineEntry> found;
  const std::uint64_t behind = std::max(after, checkpoint_.sequence) - checkpoint_.sequence;
  for (std::size_t i = static_cast<std::size_t>(behind); i < entries_.size() && found.size() < limit; ++i) {
    if (!entries_[i].is_swept()) found.push_back(entries_[i].entry);
  }
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

Result<JournalCheck> MemoryStore::check_journal() {
  MutexLock lock(mutex_);
  JournalVerifier verifier(checkpoint_);
  for (const ChainedEntry& chained : entries_) {
    const bool goes_on = chained.is_swept() ? verifier.take_swept(chained.entry.sequence, chained.hash)
                                            : verifier.take(chained.entry, chained.hash);
    if (!goes_on) break;
  }
  const Checkpoint end =
      entries_.empty() ? checkpoint_ : Checkpoint{entries_.back().entry.sequence, entries_.back().hash};
  return verifier.finish(end.sequence, end.hash);
}

/// One step of retention.
class MemoryStore::Sweep {
 public:
  Sweep(MemoryStore& store, const SweepOrder& order) : store_(store), order_(order) {}

  /// With the store's mutex held, which the analysis cannot follow through a reference.
  Swept run() HEAL_THREAD_ATTRIBUTE(no_thread_safety_analysis) {
    const Checkpoint before = store_.checkpoint_;
    const auto old = old_incidents();
    for (const SweepCursor& incident : old)
      consider(incident.id);
    if (old.size() == order_.limit) {
      swept_.next = old.back();
    } else {
      take_loose();
      take_reverted_leases();
    }
    move_checkpoint();
    if (swept_.incidents == 0 && swept_.episodes == 0 && taken_.empty() && store_.checkpoint_ == before) return swept_;
    Apply{store_}(AppendEntry{retention_entry(order_, swept_, taken_, store_.checkpoint_)});
    return swept_;
  }

 private:
  std::vector<SweepCursor> old_incidents() HEAL_REQUIRES(store_.mutex_) {
    std::vector<SweepCursor> found;
    for (const auto& [id, incident] : store_.incidents_) {
      const auto& at = incident.times.detected_at;
      if (!at || *at >= order_.before) continue;
      const bool is_behind = !order_.after || std::tie(*at, id) > std::tie(order_.after->detected_at, order_.after->id);
      if (is_behind) found.push_back({*at, id});
    }
    std::sort(found.begin(), found.end(), [](const SweepCursor& a, const SweepCursor& b) {
      return std::tie(a.detected_at, a.id) < std::tie(b.detected_at, b.id);
    });
    if (found.size() > order_.limit) found.resize(order_.limit);
    return found;
  }

  void consider(const std::string& id) HEAL_REQUIRES(store_.mutex_) {
    const Incident& incident = store_.incidents_.at(id);
    const auto& closed_at = incident.times.closed_at;
    if (!is_terminal(incident.state) || !closed_at || *closed_at >= order_.before) return;
    for (const auto& [key, episode] : store_.episodes_) {
      if (episode.incident_id == id && !episode.resolved_at) return;
    }
    for (const auto& [key, step] : store_.open_steps_) {
      if (step.incident_id == id) return;
    }
    swept_.episodes += std::erase_if(store_.episodes_, [&](const auto& item) { return item.second.incident_id == id; });
    ++swept_.incidents;
    for (ChainedEntry& chained : store_.entries_) {
      if (chained.entry.incident_id == id) blank(chained);
    }
    store_.incidents_.erase(id);
  }

  void blank(ChainedEntry& chained) {
    const std::uint64_t sequence = chained.entry.sequence;
    chained.entry = TimelineEntry{};
    chained.entry.sequence = sequence;
    taken_.add(sequence);
    ++swept_.entries;
  }

  void take_loose() HEAL_REQUIRES(store_.mutex_) {
    swept_.episodes += std::erase_if(store_.episodes_, [&](const auto& item) {
      const Episode& episode = item.second;
      return episode.incident_id.empty() && episode.resolved_at && *episode.resolved_at < order_.before &&
             episode.received_at < order_.before;
    });
    for (ChainedEntry& chained : store_.entries_) {
      if (chained.is_swept()) continue;
      const TimelineEntry& entry = chained.entry;
      if (entry.at >= order_.before) break;
      if (store_.incidents_.contains(entry.incident_id)) continue;
      if (may_sweep_entry(entry, order_.before, store_.checkpoint_)) blank(chained);
    }
  }

  void take_reverted_leases() HEAL_REQUIRES(store_.mutex_) {
    std::erase_if(store_.leases_, [&](const auto& item) {
      return item.second.state == FaultLease::State::kReverted && item.second.injected_at < order_.before;
    });
  }

  void move_checkpoint() HEAL_REQUIRES(store_.mutex_) {
    auto& entries = store_.entries_;
    while (!entries.empty() && entries.front().is_swept()) {
      store_.checkpoint_ = {entries.front().entry.sequence, entries.front().hash};
      entries.pop_front();
    }
  }

  MemoryStore& store_;
  const SweepOrder& order_;
  SequenceRanges taken_;
  Swept swept_;
};

Result<Swept> MemoryStore::sweep(const SweepOrder& order) {
  MutexLock lock(mutex_);
  return Sweep(*this, order).run();
}

Status MemoryStore::back_up(const std::string& /*file*/) {
  return make_error(ErrorCode::kRefused, "a store in memory has no files");
}

}  // namespace heal
