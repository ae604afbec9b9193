#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/remedy/incident_states.h"

namespace heal::remedy {

/// Why a run is ended before its time.
struct CallOff {
  std::string reason;  ///< "cancelled", or the lever's
  std::string message;

  bool operator==(const CallOff&) const = default;
};

/// How a run ended whose steps are being undone.
struct Undoing {
  IncidentEvent event = IncidentEvent::kFail;
  std::string reason, message;

  bool operator==(const Undoing&) const = default;
};

/// A question to humans: may exactly this plan be run?
struct Approval {
  std::string plan_hash;
  WallTime expires_at{};
  std::uint32_t needed = 1;
  std::vector<std::string> by;  ///< who agreed, each once

  bool is_given() const { return by.size() >= needed; }
  bool operator==(const Approval&) const = default;
};

/// A step that was done while it is not known yet whether that helped.
struct RanStep {
  std::string playbook, kind;

  bool operator==(const RanStep&) const = default;
};

/// What follows when a playbook fails.
struct Ladder {
  std::vector<std::string> rungs;
  std::size_t next = 0;         ///< the rung to climb next; rungs before it were tried
  bool needs_cooldown = false;  ///< the rung is the playbook that has just failed: another attempt, not another way

  bool operator==(const Ladder&) const = default;
};

/// on_resolved of a verified heal.
enum class AfterResolve {
  kNone,     ///< there is nothing to do then
  kPending,  ///< waits for the alerts to resolve
  kRunning,  ///< its steps run
};

/// What an open incident needs beyond its public face. Persisted under `progress/<incident>` until it is over.
struct Progress {
  std::map<std::string, std::string, std::less<>> params;  ///< as the route or the operator gave them: frozen
  std::string container_id;         ///< the container that the evidence is about, once it was seen; "" before
  std::optional<WallTime> wake_at;  ///< held: when the guards are asked again; recovered: the next look at its health
  std::optional<WallTime> held_since;         ///< since when something has kept it from being healed
  std::optional<WallTime> settle_at;          ///< recovered: when stay_healthy has passed
  std::string last_healed;                    ///< verified: the last of the incident's episodes that was known before
  std::optional<WallTime> stepped_at;         ///< when the last step ended
  bool has_started_target = false;            ///< the last run's steps did, and the heal has not held yet
  bool has_died = false;                      ///< and when it was told as failed the target was dead
  std::vector<std::string> locks;             ///< targets that its steps may change, while they run
  std::vector<std::string> touched;           ///< those that a step has begun to change
  std::string group;                          ///< of the target, once a plan was made; "" for none
  std::vector<std::string> truncated_groups;  ///< ids of groups of alerts that told of it, and left others out
  std::optional<CallOff> called_off;          ///< a person or the lever ends it at the next safe point
  std::optional<Undoing> undoing;             ///< what its steps did is being undone
  std::optional<Approval> approval;           ///< what a human was asked
  std::optional<Ladder> ladder;               ///< frozen with the first plan
  AfterResolve after = AfterResolve::kNone;
  std::optional<WallTime> after_until;  ///< when waiting for the checks of on_resolved ends
  std::string playbook_version;         ///< SHA-256 of the playbook's text when steps were begun; "" before
  bool has_evidence = false;            ///< escalated: what a human needs was put into the timeline
  bool is_counted = true;               ///< the newest attempt stands in the target's history
  std::string history_before;           ///< of the target, before that attempt; "" once anything was done
  std::string deployed_by;              ///< the step that deployed its target anew, and was done; "" for none
  std::string after_waits;              ///< the reason for which on_resolved has to wait; "" for none
  std::string ended_by;                 ///< what ended the evidence, once it did: see words::is_proof_of_health()
  std::optional<WallTime> paged_at;     ///< escalated: since when a human is being called
  std::string page_state;               ///< "told", "mailed", "failed", "withheld", or "" before the first try
  std::vector<RanStep> unjudged;        ///< counted when their attempt is over: see words::action_outcomes()
  bool is_mailed = false;               ///< escalated: while no Alertmanager listened, a mail was taken

  /// Steps may change `targets` from now on; none is touched yet.
  void hold(std::vector<std::string> targets);
  /// No step changes anything any more.
  void let_go();

  bool operator==(const Progress&) const = default;
};

/// As it is stored.
std::string to_json_text(const Progress& progress);
Result<Progress> parse_progress(const std::string& text);

}  // namespace heal::remedy
