#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/model/labels.h"
#include "common/model/target.h"

namespace heal {

/// Where an incident stands. The table of allowed moves is remedy/incident_states.h.
enum class IncidentState {
  kReceived,          ///< accepted and durable, nothing decided yet
  kHeld,              ///< a guard asks to wait; asked again later
  kSuppressed,        ///< a guard refused; recorded with the reason, nothing was done
  kUnmatched,         ///< no route, or a target that is not in the inventory
  kPlanned,           ///< a plan exists (also what shadow mode ends in)
  kAwaitingApproval,  ///< a human must approve the plan's hash
  kExecuting,
  kVerifying,
  kRecovered,    ///< verified; stays open until stay_healthy has passed
  kFailed,       ///< ran and is not verified, or a step failed
  kEscalated,    ///< handed to a human; stays open until its alerts resolve or a human closes it
  kInterrupted,  ///< found half-done after a restart and its policy says that a human must look
  kCancelled,
  kStale,   ///< healthy or resolved before we acted
  kClosed,  ///< over
};
std::string_view to_string(IncidentState state);
std::optional<IncidentState> parse_incident_state(std::string_view text);
/// True when nothing will happen any more without new evidence: suppressed, unmatched, failed, interrupted, cancelled,
/// stale, closed (and planned in shadow mode, which the pipeline closes itself).
bool is_terminal(IncidentState state);

/// The moments of an incident, from real events only; absent means unknown or not yet.
struct IncidentTimes {
  std::optional<WallTime> failed_at;    ///< when the fault happened (container's FinishedAt, injected fault's time)
  std::optional<WallTime> detected_at;  ///< when the first evidence of it was accepted by us
  std::optional<WallTime> decided_at;   ///< when the guards said what to do
  std::optional<WallTime> acted_at;     ///< when the first changing step was begun
  std::optional<WallTime> verified_at;  ///< when verification passed
  std::optional<WallTime> resolved_at;  ///< when the last alert of the incident resolved
  std::optional<WallTime> closed_at;

  /// detected − failed.
  std::optional<Duration> time_to_detect() const;
  /// verified − detected.
  std::optional<Duration> time_to_recover() const;

  bool operator==(const IncidentTimes&) const = default;
};

/// One firing of one alert, or one fault from another source, that an incident answers.
struct Episode {
  std::string key;     ///< `am:<fingerprint>:<startsAt>`, `docker:…`, `schedule:…`, `manual:<id>`; unique for ever.
                       ///< Further incidents that the same event began by a route with `continue` have `#2`, `#3` …
  std::string source;  ///< alertmanager, docker, schedule, manual
  std::string name;    ///< alertname or what stands for it
  Labels labels;
  Labels annotations;
  WallTime starts_at{};
  WallTime received_at{};
  std::optional<WallTime> resolved_at;
  std::string incident_id;  ///< the incident it belongs to; "" when it was rejected or came late for a healed fault
  std::string generator_url;
  std::string alertmanager_url;  ///< externalURL of the sender; "" for other sources

  bool operator==(const Episode&) const = default;
};

/// Of a storm's incident not every episode is named in it: it is written anew with each.
inline constexpr std::size_t kMostEpisodeKeys = 256;

/// One target's trouble, from first evidence to the end. At most one open incident per target.
struct Incident {
  std::string id;                  ///< ULID
  std::optional<TargetId> target;  ///< absent when no target could be made (unmatched)
  std::string name;                ///< name of the first episode: what the incident is about
  std::string type;  ///< HEALTH_CHECK_FAILURE, CONTAINER_CRASH, TASK_STOPPED, DEPLOYMENT_FAILURE, ALERT or MANUAL
  IncidentState state = IncidentState::kReceived;
  std::string reason;         ///< closed set per state, for machines: e.g. "cooldown", "not_in_inventory", "verified"
  std::string message;        ///< the same for people
  std::string playbook;       ///< name; "" when none was chosen
  std::string plan_hash;      ///< SHA-256 of the rendered plan; "" before planning
  std::uint64_t attempt = 0;  ///< how many times steps were begun in this incident
  IncidentTimes times;
  std::vector<std::string> episode_keys;  ///< the first one's, then the newest, kMostEpisodeKeys in all
  std::string requested_by;               ///< user of a manual heal; "" for automatic ones
  std::optional<std::int64_t> exit_code;  ///< of the process that ended, when that is what failed
  std::string drill;                      ///< lease of the injected fault that it is about; "" when none was
  std::string failure_reason;             ///< why it failed, as far as the source or the engine knows; "" when unknown

  void add_episode(const std::string& key) {
    if (episode_keys.size() == kMostEpisodeKeys) episode_keys.erase(episode_keys.begin() + 1);
    episode_keys.push_back(key);
  }
  bool operator==(const Incident&) const = default;
};

/// One line of an incident's story; appended, never changed. `data` is a JSON object whose members depend on `kind`.
struct TimelineEntry {
  std::uint64_t sequence = 0;  ///< given by the store: 1, 2, 3 … over all incidents
  WallTime at{};
  std::string incident_id;  ///< "" for entries about the service itself (start, lease, reload)
  std::string kind;  ///< received, matched, planned, decision, step_intent, step_outcome, verify, state, resolved, …
  std::string message;  ///< one line for people
  std::string data = "{}";

  bool operator==(const TimelineEntry&) const = default;
};

}  // namespace heal
