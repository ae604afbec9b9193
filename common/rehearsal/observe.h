#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/incident.h"
#include "common/port/store.h"

namespace heal::rehearsal {

struct ObservedStep {
  std::string name, role, kind, outcome, target;
  std::map<std::string, std::string> arguments;  ///< as text, or JSON for lists and maps
  Duration at{};                                 ///< when its first try was begun, since the beginning
  std::string message;
};

/// One line of an incident's story.
struct ObservedLine {
  Duration at{};
  std::string kind, message;
};

/// What became of one incident.
struct ObservedIncident {
  std::string alert, target, playbook, state, reason, message, type;
  std::vector<std::string> decisions;     ///< in order; the same one again and again is there once
  std::vector<ObservedStep> steps;        ///< in order of their beginnings; tries are one
  std::map<std::string, Duration> times;  ///< those that are known, since the beginning
  std::vector<ObservedLine> story;
};

/// What the engine's record says, oldest incident first. kStorage.
Result<std::vector<ObservedIncident>> observe(Store& store, WallTime began_at);

/// The decision that an entry of kind `decision` or `unmatched` tells of: `hold cooldown`, `allow`; "" for others.
std::string decision_of(const TimelineEntry& entry);

}  // namespace heal::rehearsal
