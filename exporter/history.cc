#include "exporter/history.h"

#include "common/probe/exposition.h"
#include "common/probe/module_config.h"

namespace heal::exporter {

std::int64_t History::add(std::shared_ptr<const probe::Module> module, std::string target, ProbeResult result) {
  auto entry = std::make_shared<HistoryEntry>(HistoryEntry{0, std::move(module), std::move(target), std::move(result)});
  MutexLock lock(mutex_);
  const std::int64_t id = next_id_++;
  if (limit_ == 0) return id;
  entry->id = id;
  recent_.push_back(std::move(entry));
  if (recent_.size() <= limit_) return id;
  if (!recent_.front()->result.success) {
    old_failures_.push_back(recent_.front());
    if (old_failures_.size() > limit_) old_failures_.pop_front();
  }
  recent_.pop_front();
  return id;
}

std::vector<std::shared_ptr<const HistoryEntry>> History::list() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<const HistoryEntry>> all(recent_.rbegin(), recent_.rend());
  all.insert(all.end(), old_failures_.rbegin(), old_failures_.rend());
  return all;
}

std::shared_ptr<const HistoryEntry> History::find(std::int64_t id) const {
  MutexLock lock(mutex_);
  for (const auto* entries : {&recent_, &old_failures_}) {
    for (const auto& entry : *entries) {
      if (entry->id == id) return entry;
    }
  }
  return nullptr;
}

std::string debug_text(const probe::Module& module, const ProbeResult& result) {
  std::string text = "Logs for the probe:\n";
  for (const std::string& line : result.log)
    text.append(line).append("\n");
  text += "\n\n\nMetrics that would have been returned:\n";
  text += probe::expose_result(result);
  text += "\n\n\nModule configuration:\n";
  text += probe::module_yaml(module);
  return text;
}

}  // namespace heal::exporter
