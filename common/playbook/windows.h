#pragma once

#include <optional>
#include <vector>

#include "common/config/decode.h"
#include "common/model/time_window.h"

namespace heal::playbook {

/// An IANA time zone by its name.
std::optional<TimeZone> as_time_zone(const config::Value& value);

/// `{days: [mon-fri], from: "22:00", to: "06:00", zone: Europe/Berlin}`; days may be left out (every day), zone too
/// (UTC).
std::optional<TimeWindow> read_time_window(const config::Value& value);
/// A list of these, not empty.
std::optional<std::vector<TimeWindow>> read_time_windows(const config::Value& value);

/// A window as read_time_window reads it.
std::string print_time_window(const TimeWindow& window);

}  // namespace heal::playbook
