#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/wire/prometheus.h"
#include "healctl/context.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {

/// When which alerts fired, as a Prometheus remembers it.
struct AlertHistory {
  WallTime from{}, to{};
  std::vector<PromSeries> series;  ///< of `ALERTS{alertstate="firing"}`, one for each set of labels
};

/// How far apart Prometheus is asked: an alert that fired for less may be missed.
inline constexpr Duration kAlertStep = 15s;

/// Asks for the range piece by piece, as Prometheus gives only so many samples at a time.
Result<AlertHistory> fetch_alerts(Context& context, const std::string& prometheus, WallTime from, WallTime to);

/// As if each had been told to the service: what fires at one container at the same time is one incident, of which
/// nothing was decided. Oldest first; the Watchdog is left out.
std::vector<Story> stories_of(const AlertHistory& history);

}  // namespace heal::ctl
