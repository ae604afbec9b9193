#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"

namespace heal::exporter {

struct ScheduledProbe;

/// One target that a file names.
struct FoundTarget {
  std::string address;
  Labels labels;

  bool operator==(const FoundTarget&) const = default;
};
/// By name of the scheduled probe.
using FoundTargets = std::map<std::string, std::vector<FoundTarget>, std::less<>>;

/// What a file with targets may be at most.
inline constexpr std::size_t kMostTargetFileBytes = 32 << 20;

/// The targets of a file in Prometheus' file_sd format: a list of `{targets: [address…], labels: {name: value…}}`, as
/// JSON when the file's name ends so, else as YAML. Labels that begin with `__` are dropped; those that a probe's
/// series have anyway come back as `exported_NAME`. nullopt when it has errors, which are all in `diagnostics` (of JSON
/// the first one). Source: prometheus.io/docs/prometheus/latest/configuration, file_sd_config.
std::optional<std::vector<FoundTarget>> parse_target_file(const std::string& file, const std::string& text,
                                                          config::Diagnostics& diagnostics);
/// The same; kInvalid names the first mistake with its place.
Result<std::vector<FoundTarget>> parse_target_file(const std::string& file, const std::string& text);

/// What is wrong in the files that `probes` name now; one that is not there is a warning, because it may come.
void check_target_files(const std::vector<ScheduledProbe>& probes, config::Diagnostics& diagnostics);

}  // namespace heal::exporter
