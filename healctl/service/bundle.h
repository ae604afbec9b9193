#pragma once

#include <string>

#include "common/wire/json.h"
#include "healctl/service/client.h"

namespace heal::ctl {

/// Everything that the service knows of an incident, for whoever has to go on by hand: `incident`, `episodes`,
/// `timeline` (all of it), `explain`, `evidence` (the container, the tail of its log and its health check when a human
/// was called; null before) and `checks` (what they said `before` the heal, `after` it and when a human was called).
/// Errors as ServiceClient's.
Result<Json> fetch_bundle(ServiceClient& service, const std::string& id);

}  // namespace heal::ctl
