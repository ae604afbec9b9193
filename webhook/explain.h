#pragma once

#include <string>
#include <vector>

#include "common/model/incident.h"

namespace heal::webhook {

/// Why it did or did not act, for people: the incident in one line, then its story, with every guard's answer and what
/// it was made from.
std::string explain_incident(const Incident& incident, const std::vector<TimelineEntry>& timeline);

}  // namespace heal::webhook
