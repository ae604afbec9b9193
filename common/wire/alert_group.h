#pragma once

#include <string_view>

#include "common/wire/alertmanager.h"
#include "common/wire/json_fwd.h"

// What Alertmanager's notification and those made after it (Grafana's) have in common. For this folder.

namespace heal {

/// A body that may hold a notification: an object, with no more values than the largest one could have.
Result<Json> parse_notification(std::string_view body);

/// All members but the alerts; `version` is the one that it must name.
Result<AlertGroup> parse_group_head(const Json& body, std::string_view version);

/// Reads what else a sender says of an alert (a JSON object at the pointer `at`) into `alert`.
using ReadMore = Status (*)(const Json& json, std::string_view at, Alert& alert);

/// Moves the member `alerts` of `body` into `parse`: each alert that cannot be read is rejected alone. Errors as
/// parse_alertmanager_v4. `read_more` may be null.
Status parse_group_alerts(Json& body, ReadMore read_more, AlertGroupParse& parse);

/// One alert as the notification and API v2 both have it, without its status.
Result<Alert> parse_alert(const Json& json, std::string_view at);

}  // namespace heal
