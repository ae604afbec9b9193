#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"
#include "common/model/matcher.h"

namespace heal {

enum class AlertStatus { kFiring, kResolved };

/// One alert of a notification.
struct Alert {
  AlertStatus status = AlertStatus::kFiring;
  Labels labels;
  Labels annotations;
  WallTime starts_at{};
  std::optional<WallTime> ends_at;  ///< absent while it fires (Alertmanager sends year 1)
  std::string generator_url;
  std::string fingerprint;  ///< 16 hex digits over the labels, as Alertmanager computed it

  /// `<fingerprint>:<starts_at>`: identity of one firing of one alert; repeats, HA twins and redeliveries keep it.
  std::string episode_key() const { return fingerprint + ":" + format_rfc3339_nano(starts_at); }

  bool operator==(const Alert&) const = default;
};

/// What Alertmanager says of one alert that it holds.
struct ActiveAlert {
  Alert alert;
  std::string state;  ///< active, suppressed or unprocessed
  std::vector<std::string> silenced_by, inhibited_by;

  bool operator==(const ActiveAlert&) const = default;
};

/// A silence of Alertmanager's. Alerts that all of `matchers` match are not notified between its times.
struct Silence {
  std::string id;  ///< Alertmanager's; "" for one that is to be made
  std::vector<Matcher> matchers;
  WallTime starts_at{}, ends_at{};
  std::string created_by, comment;

  bool operator==(const Silence&) const = default;
};

/// One Alertmanager webhook notification, version "4".
struct AlertGroup {
  std::string receiver;   ///< its name, already freed from Alertmanager's regexp escapes
  std::string group_key;  ///< opaque: for correlation only, a configuration edit changes it
  Labels group_labels;
  Labels common_labels;
  Labels common_annotations;
  std::string external_url;  ///< of the Alertmanager that sent it
  std::uint64_t truncated_alerts = 0;
  std::vector<Alert> alerts;

  bool operator==(const AlertGroup&) const = default;
};

}  // namespace heal
