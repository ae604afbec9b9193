#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "common/model/alert.h"
#include "common/remedy/investigate.h"
#include "common/remedy/world.h"

namespace heal::remedy {

/// How often a human's alert is posted again while the incident waits for him, how soon after Alertmanager did not take
/// it, and when it resolves by itself should we be gone.
inline constexpr Duration kPageRefresh = 1min;
inline constexpr Duration kPageRetry = 10s;
inline constexpr Duration kPageLife = 5min;
/// How long a human's incident stays open without an end of its alerts.
inline constexpr Duration kPagePatience = 7 * 24h;

/// How long after the end of an injected fault people are not told of what came of it: alerts take their time to
/// resolve.
inline constexpr Duration kDrillRest = 5min;

/// The alert HealFailed about an incident that was handed to a human: labels alertname, severity, heal_incident,
/// heal_playbook and heal_target, and heal_drill when a fault was injected, which stay the same while it lasts; the
/// reason is an annotation. It fires until `ends_at`.
Alert page_alert(const Incident& incident, WallTime starts_at, WallTime ends_at);
/// Until when nobody is told of the incident because it is a drill: one that did not ask for it, under a fault or just
/// after it. Absent: people are told; from then on something is really wrong.
std::optional<WallTime> quiet_until(const Incident& incident, Store& store, WallTime now);
/// True for alerts that we post ourselves, those of alertmanager.alert included: they are no evidence of anything.
bool is_own_alert(const Alert& alert);

/// Tells every Alertmanager; success when one of them took it. kNotFound when none is configured.
Status tell_alertmanagers(const World& world, const Alert& alert, const Tools& tools, std::stop_token stop);

/// Mails the same to the people of heal.yml's notify.email; kNotFound when there are none.
Status mail_page(const World& world, const Incident& incident, const Tools& tools, std::stop_token stop);

/// What became of a call for a human.
struct PageResult {
  Status told;                   ///< by Alertmanager
  std::optional<Status> mailed;  ///< absent when no mail was needed
};
/// Tells every Alertmanager; when none takes it, and `mail` says so, the people of notify.email.
enum class PageMail { kNever, kWhenUntold };
PageResult call_human(const World& world, const Incident& incident, const Alert& alert, PageMail mail,
                      const Tools& tools, const std::stop_token& stop);

/// What a human needs to begin with, as JSON, at most some 32 KiB: the container as it is, the tail of its logs, and
/// what the health check says. Reads only.
std::string gather_evidence(const Case& subject, const World& world, const Tools& tools, std::stop_token stop);

}  // namespace heal::remedy
