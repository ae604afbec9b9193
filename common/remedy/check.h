#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/incident.h"
#include "common/playbook/check.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// Three-valued: kUnknown means that the question could not be answered, which is neither good nor bad news.
enum class Answer { kPass, kFail, kUnknown };
std::string_view to_string(Answer answer);  ///< pass, fail, unknown

/// What one check saw.
struct CheckResult {
  Answer answer = Answer::kUnknown;
  std::string message;  ///< one line for people, the check itself included

  bool operator==(const CheckResult&) const = default;
};

/// What checks need besides the world.
struct CheckScope {
  const World& world;
  const Tools& tools;
  std::vector<Episode> episodes;  ///< of the incident: for `alert: resolved`
  /// PromQL samples that were scraped at or before this do not count.
  std::optional<WallTime> newer_than;
};

/// Asks one question of the world. `wanted` is not applied: kPass means that what is looked at is good. A service that
/// refuses or does not answer is kFail; a question that cannot be put (engine or Prometheus not reachable, nothing
/// configured) is kUnknown. Blocks until `deadline` at most.
CheckResult ask(const playbook::Check& check, const CheckScope& scope, Deadline deadline, std::stop_token stop);

/// The same for the inventory's health check alone.
CheckResult ask_health(const playbook::HealthCheck& health, const Tools& tools, Deadline deadline,
                       std::stop_token stop);

/// What Alertmanager says of one episode's alert.
enum class AlertStanding {
  kActive,
  kSilenced,
  kInhibited,
  kGone,
  kUnknown,
  kUnaskable,  ///< its source tells and cannot be asked
};
struct AlertAnswer {
  AlertStanding standing = AlertStanding::kUnknown;
  std::string message;

  bool operator==(const AlertAnswer&) const = default;
};
/// Asks every configured Alertmanager: one that holds the alert decides; gone only when all answered and none holds it.
AlertAnswer ask_alertmanagers(const World& world, const Episode& episode, Deadline deadline, std::stop_token stop);

/// Whether it means that an alert is over when no Alertmanager holds it: one that has not been up for longer than two
/// resend intervals of Prometheus may not have been told yet. kUnavailable then, and the errors of AlertmanagerApi.
Status are_up_for_long(const World& world, Clock& clock, Deadline deadline, std::stop_token stop);

/// The same question of many episodes, with their answers in that order; each Alertmanager is asked for all its alerts
/// at once when there are more than a few.
std::vector<AlertAnswer> ask_alertmanagers(const World& world, const std::vector<Episode>& episodes, Deadline deadline,
                                           std::stop_token stop);

/// The active alerts that match one of the lists of matchers, as all Alertmanagers hold them; each once.
struct ActiveAlerts {
  std::vector<Labels> alerts;
  std::string error;  ///< why not all could be told; "" when they could

  bool operator==(const ActiveAlerts&) const = default;
};
ActiveAlerts ask_active_alerts(const World& world, const std::vector<std::vector<Matcher>>& any, Deadline deadline,
                               std::stop_token stop);

}  // namespace heal::remedy
