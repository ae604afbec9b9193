#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "common/model/incident.h"

namespace heal {

/// One of an incident's moments, under the name that people see. In JSON it is called the same with `_at`.
struct NamedTime {
  std::string_view name;
  std::optional<WallTime> IncidentTimes::*time;
};

/// All of them in the order in which they usually come. Whatever shows, reads or compares them takes them from here.
inline constexpr std::array<NamedTime, 7> kIncidentTimes{{{"failed", &IncidentTimes::failed_at},
                                                          {"detected", &IncidentTimes::detected_at},
                                                          {"decided", &IncidentTimes::decided_at},
                                                          {"acted", &IncidentTimes::acted_at},
                                                          {"verified", &IncidentTimes::verified_at},
                                                          {"resolved", &IncidentTimes::resolved_at},
                                                          {"closed", &IncidentTimes::closed_at}}};

}  // namespace heal
