#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/model/probe_result.h"
#include "common/probe/module.h"

namespace heal::exporter {

/// One finished probe.
struct HistoryEntry {
  std::int64_t id = 0;
  std::shared_ptr<const probe::Module> module;
  std::string target;
  ProbeResult result;
};

/// The last probes: as many as the limit says, and as many failed ones again that have left it. Thread-safe.
class History {
 public:
  explicit History(std::size_t limit) : limit_(limit) {}

  /// Gives the id under which find() has it for a while.
  std::int64_t add(std::shared_ptr<const probe::Module> module, std::string target, ProbeResult result)
      HEAL_EXCLUDES(mutex_);
  /// Newest first.
  std::vector<std::shared_ptr<const HistoryEntry>> list() const HEAL_EXCLUDES(mutex_);
  /// nullptr when it is not kept (any more).
  std::shared_ptr<const HistoryEntry> find(std::int64_t id) const HEAL_EXCLUDES(mutex_);

 private:
  const std::size_t limit_;
  mutable Mutex mutex_;
  std::int64_t next_id_ HEAL_GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<const HistoryEntry>> recent_ HEAL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const HistoryEntry>> old_failures_ HEAL_GUARDED_BY(mutex_);
};

/// The text of debug=true and of the history: log, metrics, module; secrets masked.
std::string debug_text(const probe::Module& module, const ProbeResult& result);

}  // namespace heal::exporter
