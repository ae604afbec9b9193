#pragma once

#include <string>
#include <string_view>

#include "common/model/alert.h"
#include "common/model/event.h"
#include "common/remedy/source/delivery.h"

namespace heal::remedy {

/// A notification's alerts as events. Each alert's own status counts, the group's does not.
EventBatch events_of(AlertGroup group);
/// The same of what was parsed, with what was rejected.
Delivery delivery_of(AlertGroupParse parse);

/// An alert in Alertmanager's form as an event of `source`.
SourceEvent event_of(Alert alert, std::string_view source, std::string key);

/// `am:<fingerprint>:<startsAt>`.
std::string episode_key(const Alert& alert);

}  // namespace heal::remedy
