#pragma once

#include <string>

#include "common/model/event.h"
#include "common/model/incident.h"

namespace heal::remedy {

/// A request of a person.
bool is_manual(const SourceEvent& event);

/// What is kept of an event; it belongs to no incident yet.
Episode make_episode(const SourceEvent& event, WallTime received_at);
/// The same; name, labels, annotations and generator leave the event.
Episode use_up(SourceEvent& event, WallTime received_at);

/// How the journal tells that an event came, for people.
std::string received_text(const SourceEvent& event);
/// The same as the text of a JSON object; `key`: of its episode.
std::string received_data(const SourceEvent& event, const std::string& key, const EventBatch& batch);

}  // namespace heal::remedy
