#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/port/host_reader.h"
#include "exporter/process_watch_tally.h"
#include "exporter/watch_config.h"

namespace heal::exporter {

/// What was seen of a matcher's processes.
struct FoundProcesses {
  bool is_known = true;  ///< none was found, and of some we may not see whether they fit: then nothing is shown
  ProcessCounts counts;
  std::optional<std::uint64_t> open_fds;
};

/// Finds the processes of matchers, look by look. What a process runs is read when it is new, has another name, or was
/// last read kLooksKept looks ago, and only when a matcher asks for it: thousands of others cost one small file each.
/// One thread at a time uses it.
class ProcessSearch {
 public:
  static constexpr std::uint64_t kLooksKept = 12;

  ProcessSearch(std::vector<ProcessMatcher> matchers, std::shared_ptr<HostReader> reader);

  /// One look; by matcher. Waits for as long as the kernel lets it wait for a process's files, for ever if need be.
  Result<std::vector<FoundProcesses>> look(const std::stop_token& stop);

 private:
  /// Whether a process is one of a matcher's; kHidden: what it runs may not be seen.
  enum class Fit { kNo, kYes, kHidden };
  /// What is remembered of a process: which matchers it fits.
  struct Examined {
    std::uint64_t started = 0;
    std::string name;
    std::vector<Fit> fits;
  };

  /// Which matchers fit, pid files left aside; from memory when that is good enough.
  Result<std::vector<Fit>> examine(const SeenProcess& process);
  Result<std::vector<Fit>> fits_of(const SeenProcess& process);
  static Fit fit_of(const ProcessMatcher& matcher, const SeenProcess& process, const SeenProgram& program);
  std::optional<std::uint64_t> open_fds_of(const std::vector<SeenProcess>& processes);

  const std::vector<ProcessMatcher> matchers_;
  const std::shared_ptr<HostReader> reader_;
  std::uint64_t looks_ = 0;
  std::map<std::int64_t, Examined> examined_;  // by pid
  std::vector<ProcessTally> tallies_;          // by matcher
};

}  // namespace heal::exporter
