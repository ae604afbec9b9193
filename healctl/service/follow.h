#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/model/incident.h"
#include "healctl/context.h"
#include "healctl/service/incidents.h"

namespace heal::ctl {

/// How long --wait waits when --timeout does not say.
inline constexpr Duration kWaitTimeout = 10min;

/// Polls an incident until `is_over` gives an exit code, telling on stderr what has been entered into its timeline
/// meanwhile. A service that cannot be reached for a while is waited for. kUnknown at the deadline; kInterrupted at a
/// stop.
struct Awaited {
  Exit exit = Exit::kUnknown;
  std::optional<Story> story;  ///< as last seen; absent when it was never seen
};
Awaited await_incident(Context& context, const std::string& id, Deadline deadline,
                       const std::function<std::optional<Exit>(const Incident&)>& is_over);

/// `03:04:05.678Z  step_outcome  restart: done`: an entry as one line for people.
std::string progress_line(const TimelineEntry& entry);

/// Follows the service's event stream for at most `patience`; connects again after the event `last_id` when that is
/// not empty, and keeps it up to date. Success when `patience` passed, the stream ended or `on_entry` said kEnd.
using EntrySink = std::function<StreamNext(const TimelineEntry& entry)>;
Status follow_events(Context& context, std::string& last_id, Duration patience, const EntrySink& on_entry);

}  // namespace heal::ctl
