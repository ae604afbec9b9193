#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/model/incident.h"
#include "common/wire/json_fwd.h"

namespace heal::webhook {

/// What incidents are told apart by.
enum class StatsBy { kPlaybook, kTarget, kType, kName };
std::optional<StatsBy> parse_stats_by(std::string_view text);

/// Counts incidents.
class Stats {
 public:
  explicit Stats(StatsBy by) : by_(by) {}

  void add(const Incident& incident);
  /// A list of {<by>, incidents, open, heals, verified, failed, refused: {reason: n}, mttd_seconds, mttr_seconds: {p50,
  /// p95} | null}, by name. Heals are incidents whose steps were begun; verified and failed ones are
  /// those of that heal_outcome(), and MTTR is of verified ones alone.
  Json json() const;

 private:
  struct Group {
    std::size_t incidents = 0, open = 0, heals = 0, verified = 0, failed = 0;
    std::map<std::string, std::size_t> refused;  // what was not begun, by reason
    std::vector<double> mttd, mttr;              // seconds
  };

  StatsBy by_;
  std::map<std::string, Group> groups_;
};

}  // namespace heal::webhook
