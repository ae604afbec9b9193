#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/port/host_reader.h"

namespace heal::exporter {

/// What the processes of one matcher are and have been since the watch began.
struct ProcessCounts {
  std::size_t count = 0;
  double cpu_seconds = 0;  ///< of those that have ended, too
  std::uint64_t memory_bytes = 0;
  std::int64_t threads = 0;
  std::optional<WallTime> started_at;  ///< the oldest
  std::uint64_t starts = 0, restarts = 0;

  bool operator==(const ProcessCounts&) const = default;
};

/// Follows the processes of one matcher from look to look. Pure.
class ProcessTally {
 public:
  /// `processes`: all that match now.
  void look(const std::vector<SeenProcess>& processes);
  const ProcessCounts& counts() const { return counts_; }

 private:
  /// When it was started, in ticks, and its pid: one process for good, the oldest first.
  using Key = std::pair<std::uint64_t, std::int64_t>;

  /// True when it was not seen before.
  bool come(const Key& key);
  void leave(const Key& key, double cpu_seconds);

  bool has_looked_ = false;
  bool has_lost_all_ = false;  // there were some, and none is left
  double ended_cpu_seconds_ = 0;
  std::map<Key, double> present_;  // CPU seconds when last seen
  std::map<Key, double> left_;     // counted in ended_cpu_seconds_; one that only looked different meanwhile comes back
  ProcessCounts counts_;
};

}  // namespace heal::exporter
