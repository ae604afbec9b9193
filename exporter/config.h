#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"
#include "common/probe/module_config.h"
#include "common/probe/target_policy.h"
#include "exporter/alert_config.h"
#include "exporter/watch_config.h"

namespace heal::exporter {

/// One entry of `probes:`: a module run against targets on a schedule of our own.
struct ScheduledProbe {
  std::string name;
  std::shared_ptr<const probe::Module> module;
  std::vector<std::string> targets;
  std::vector<std::string> files;              ///< `file_sd`: paths and globs of files with more targets
  Duration interval = 15s;                     ///< at least 100 ms
  Duration jitter{};                           ///< each run begins up to this much later; at most half the interval
  Duration timeout{};                          ///< of one run, at most 1 h; may be longer than the interval
  std::uint32_t down_after = 3, up_after = 2;  ///< failures and successes in a row that change a target's state
  Labels labels;                               ///< added to every series
  bool details = false;                        ///< what the prober found is shown too, as of the last run

  /// How long after its begin a failed run may be asked about again: so that it ends before the next one is due. Zero
  /// where the module has no `confirm`.
  Duration confirm_time() const;
};
/// Targets of all scheduled probes together; what is beyond is not run.
inline constexpr std::size_t kMostSeries = 50'000;
/// True for labels that series of scheduled probes have anyway.
bool is_own_label(std::string_view name);
/// `name` behind as many `exported_` as it needs to be none of `taken`, as Prometheus does with `honor_labels: false`.
std::string free_label(std::string name, const Labels& taken);

/// A configuration file: blackbox.yml's `modules:` and our own keys.
struct ExporterConfig {
  probe::Modules modules;
  std::vector<ScheduledProbe> probes;
  std::optional<FastAlertsConfig> fast_alerts;
  WatchConfig watch;
  std::optional<std::vector<std::string>> allow_targets;  ///< absent: everything may be probed
  std::vector<std::string> deny_targets;                  ///< wins over allow_targets
  std::shared_ptr<const probe::TargetPolicy> policy = std::make_shared<const probe::TargetPolicy>();

  /// The configuration as YAML with everything in force, secrets masked.
  std::string yaml() const;
};

/// Reads `text` of `file`; nullopt when it has errors, which are all in `diagnostics`.
std::optional<ExporterConfig> parse_config(const std::string& file, const std::string& text,
                                           config::Diagnostics& diagnostics);
/// The same from a file.
std::optional<ExporterConfig> load_config(const std::string& file, config::Diagnostics& diagnostics);

}  // namespace heal::exporter
