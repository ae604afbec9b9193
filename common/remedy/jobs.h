#pragma once

#include <memory>
#include <string>

#include "common/remedy/investigate.h"

namespace heal::remedy {

/// Starts work on an incident that the ledger holds; called as an effect, after the commit that made it necessary.
class Jobs {
 public:
  virtual ~Jobs() = default;
  /// Finds out what guards and planner need to know.
  virtual void investigate(const std::string& incident_id) = 0;
  /// Runs the plan of `dossier` from its first step and verifies it.
  virtual void run(const std::string& incident_id, std::shared_ptr<const Dossier> dossier) = 0;
  /// Somebody waits to be told what was decided.
  virtual void tell_decided(const std::string& incident_id, const Incident& incident) = 0;
};

}  // namespace heal::remedy
