#include "exporter/process_watch_tally.h"

namespace heal::exporter {
namespace {

constexpr std::size_t kMostLeft = 1024;

}  // namespace

bool ProcessTally::come(const Key& key) {
  const auto known = left_.find(key);
  if (known == left_.end()) return true;
  ended_cpu_seconds_ -= known->second;
  left_.erase(known);
  return false;
}

void ProcessTally::leave(const Key& key, double cpu_seconds) {
  ended_cpu_seconds_ += cpu_seconds;
  // The oldest are the least likely to come back.
  if (left_.size() >= kMostLeft) left_.erase(left_.begin());
  left_.emplace(key, cpu_seconds);
}

void ProcessTally::look(const std::vector<SeenProcess>& processes) {
  std::map<Key, double> now;
  std::size_t fresh = 0;
  ProcessCounts counts;
  for (const SeenProcess& process : processes) {
    const Key key(process.started, process.pid);
    if (!present_.contains(key) && come(key)) ++fresh;
    now.emplace(key, process.cpu_seconds);
    counts.cpu_seconds += process.cpu_seconds;
    counts.memory_bytes += process.memory_bytes;
    counts.threads += process.threads;
    if (!counts.started_at || process.started_at < *counts.started_at) counts.started_at = process.started_at;
  }
  const bool has_lost_oldest = !present_.empty() && !now.contains(present_.begin()->first);
  for (const auto& [key, cpu_seconds] : present_) {
    if (!now.contains(key)) leave(key, cpu_seconds);
  }
  counts.count = now.size();
  counts.cpu_seconds += ended_cpu_seconds_;
  counts.starts = counts_.starts + (has_looked_ ? fresh : 0);
  counts.restarts = counts_.restarts + (fresh > 0 && (has_lost_oldest || has_lost_all_) ? 1 : 0);
  has_lost_all_ = now.empty() && (has_lost_all_ || !present_.empty());
  present_ = std::move(now);
  counts_ = counts;
  has_looked_ = true;
}

}  // namespace heal::exporter
