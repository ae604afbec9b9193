#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "exporter/alert_text.h"

namespace heal::exporter {

/// One Alertmanager that is told.
struct AlertmanagerConfig {
  std::string url;
  std::string username, password;  ///< "": none; never printed
  std::string password_file;       ///< from which the password was read
  std::string ca_file;
  bool insecure_skip_verify = false;

  bool operator==(const AlertmanagerConfig&) const = default;
};

/// What alert a target that is down becomes. Its labels are the series' and these.
struct AlertRule {
  std::string alertname;
  std::vector<std::string> probes;  ///< names; empty: every scheduled probe
  std::map<std::string, AlertText, std::less<>> labels, annotations;

  bool covers(std::string_view probe) const;
  bool operator==(const AlertRule&) const = default;
};

/// `fast_alerts:`.
struct FastAlertsConfig {
  std::vector<AlertmanagerConfig> alertmanagers;  ///< every one is told
  Duration refresh_interval = 30s;                ///< how often what lasts is told again
  Duration timeout = 5s;                          ///< of one request
  std::string external_url;                       ///< of our own page, for the alerts' source; "" for none
  std::vector<AlertRule> alerts;                  ///< the first that covers a probe is taken

  /// The first rule for `probe`, or nullptr.
  const AlertRule* rule_of(std::string_view probe) const;
  /// As YAML, secrets masked.
  std::string yaml() const;
  bool operator==(const FastAlertsConfig&) const = default;
};

/// Reads `fast_alerts:`. `probes`: the names of the scheduled ones; paths are relative to `folder`.
std::optional<FastAlertsConfig> as_fast_alerts(const config::Value& value, const std::vector<std::string>& probes,
                                               const std::string& folder);

}  // namespace heal::exporter
