#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/source_span.h"
#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/model/target.h"
#include "common/playbook/check.h"

namespace heal::ctl {

/// What healctl itself asks during a drill.
struct DrillCheck {
  enum class Kind { kHttp, kPromql } kind = Kind::kHttp;
  std::string address;               ///< URL or query
  std::vector<std::int64_t> status;  ///< kHttp; empty: 2xx
  /// kPromql: how every sample compares (of a condition to stop: any sample); absent: that there is one at all.
  std::optional<std::pair<playbook::Comparison, double>> compared;

  bool fits(double value) const;
  std::string str() const;
};

/// A drill: a fault, and what must come of it.
struct Drill {
  std::string name, summary, file;
  std::vector<DrillCheck> steady;  ///< hold before the fault and again after it
  Duration steady_within = 60s;    ///< afterwards
  TargetId target;
  std::string fault;
  std::map<std::string, std::string> with;  ///< the fault's parameters
  bool ignore_blast_radius = false;         ///< break it whatever becomes of its group
  bool page = false;                        ///< people are called as usual when it cannot be healed
  Duration lease = 2min;                    ///< the service undoes the fault after that, whatever becomes of us
  std::vector<std::string> alerts;          ///< one of them must reach the service; none: any evidence will do
  Duration alert_within = 30s;              ///< since the fault, as all that follows
  std::string decision = "allow";           ///< as `playbook test` has it
  std::optional<std::string> playbook;      ///< that must be chosen
  Duration decision_within = 30s;
  /// kNever: nothing is done about the target until the longest `within` is over, nor before the fault is undone.
  enum class Heal { kExpected, kNever } heal = Heal::kExpected;
  Duration heal_within = 60s;
  std::optional<Duration> resolved_within;  ///< the alert must have resolved; absent: not waited for
  std::vector<DrillCheck> stop_if;          ///< one of them true, or not to be found out: the drill is stopped
  Duration stop_every = 2s;
  SourceSpan span;
};

/// Reads a drill file strictly; nullopt when there was an error, which is in `diagnostics`.
std::optional<Drill> parse_drill(const std::string& text, const std::string& file, config::Diagnostics& diagnostics);

}  // namespace heal::ctl
