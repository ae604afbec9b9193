#pragma once

#include <string>
#include <vector>

#include "common/model/incident.h"
#include "common/playbook/heal_config.h"

namespace heal::webhook {

/// The answer to "why did it act, or not?", for people: the answer in one sentence, what it is about, every guard in
/// the order in which they decide with all that its answer was made from, then the story. Reads the incident and its
/// timeline alone, so it says what was decided then, whatever is configured now.
std::string explain_incident(const Incident& incident, const std::vector<TimelineEntry>& timeline);

/// What heal.yml's routes would make of an alert with these labels, for one that was never received.
std::string explain_unseen(const playbook::HealConfig& config, const Labels& labels, WallTime now);

}  // namespace heal::webhook
