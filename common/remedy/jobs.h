#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/remedy/investigate.h"

namespace heal::remedy {

/// Evidence that seems to be of a fault that was healed, and belongs to no incident.
struct LateEvidence {
  std::string episode_key, playbook;
  TargetId target;
  playbook::Params params;
  LastHeal heal;
  std::vector<std::string> truncated_groups;  ///< as in Progress
};

/// Starts work on an incident that the ledger holds; called as an effect, after the commit that made it necessary.
class Jobs {
 public:
  virtual ~Jobs() = default;
  /// Finds out what guards and planner need to know.
  virtual void investigate(const std::string& incident_id) = 0;
  /// True when what run() is given begins at once: then the intent of its first step may become durable together with
  /// the decision. False when it may have to wait, or when no step may begin now.
  virtual bool begins_at_once() const { return false; }
  /// Runs the plan of `dossier` from its first step and verifies it. `begun`: the intent of that step is durable.
  virtual void run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier,
                   std::optional<FirstLook> begun) = 0;
  /// Somebody waits to be told what was decided.
  virtual void tell_decided(const std::string& incident_id, const Incident& incident) = 0;
  /// Looks whether the target is well; when it is not, the evidence is of a new fault.
  virtual void look_again(const LateEvidence& /*late*/) {}
};

/// For an incident whose investigation is done already.
class NoJobs final : public Jobs {
 public:
  void investigate(const std::string& /*incident_id*/) override {}
  void run(const std::string& /*incident_id*/, std::shared_ptr<const Dossier> /*dossier*/,
           std::optional<FirstLook> /*begun*/) override {}
  void tell_decided(const std::string& /*incident_id*/, const Incident& /*incident*/) override {}
};

}  // namespace heal::remedy
