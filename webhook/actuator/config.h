#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/config/diagnostics.h"
#include "common/model/labels.h"
#include "common/model/regex.h"
#include "webhook/actuator/verb.h"

namespace heal::actuator {

/// At most `actions` at once, refilled evenly over `window`.
struct RateLimit {
  std::uint32_t actions = 6;
  Duration window = 1min;

  bool operator==(const RateLimit&) const = default;
};

/// These verbs are allowed for containers that have all these labels.
struct Rule {
  std::vector<Verb> verbs;
  Labels labels;                        ///< never empty
  RateLimit rate;                       ///< for each action on each container
  std::vector<std::string> programs{};  ///< absolute paths that `exec` may run; empty without that verb

  bool operator==(const Rule&) const = default;
};

/// What `healctl simulate-down` needs, for containers labelled heal.simulate=allow.
struct FaultRules {
  bool enabled = false;
  std::string helper_image;     ///< the one image that may be run; "" for none
  std::vector<Regex> networks;  ///< names of networks that a container may be cut off from and put back to
  RateLimit rate{20, 1min};

  bool operator==(const FaultRules&) const = default;
};

/// actuator.yml, checked. Whatever it does not allow is refused.
struct ActuatorConfig {
  std::vector<Rule> allow;
  /// No action is taken on a container of which this is the name, the image's name, the compose service or the label
  /// heal.role. The container that the actuator runs in is always protected.
  std::vector<std::string> protect{"prometheus", "alertmanager", "heal-webhook", "heal-actuator", "heal-exporter",
                                   "healctl",    "promheal",     "heal",         "actuator"};
  RateLimit total{60, 1min};  ///< all actions together
  Duration max_grace = 5min;  ///< the longest time that stop and restart give
  bool show_environment = false;
  std::uint32_t max_streams = 16;  ///< events, followed logs and statistics at the same time
  FaultRules faults;

  bool operator==(const ActuatorConfig&) const = default;
};

/// Reads the text of actuator.yml. nullopt when there was an error.
std::optional<ActuatorConfig> parse_actuator_config(const std::string& text, const std::string& file,
                                                    config::Diagnostics& diagnostics);
/// The same from the file.
std::optional<ActuatorConfig> load_actuator_config(const std::string& file, config::Diagnostics& diagnostics);

/// The effective configuration with every default, as YAML that can be read again.
std::string print_config(const ActuatorConfig& config);

}  // namespace heal::actuator
