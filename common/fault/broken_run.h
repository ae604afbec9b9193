#pragma once

#include <optional>

#include "common/fault/fault.h"

namespace heal::fault {

/// Whether the container of `recipe` still is in the run that was broken, by inspection.
struct BrokenRun {
  std::optional<ContainerInfo> info;  ///< absent when that container is gone
  bool same_run = false;              ///< it was not started again since
};
Result<BrokenRun> look_at(const Recipe& recipe, const Site& site);

/// kConflict unless the container runs.
Status check_running(const ContainerInfo& before);
/// kConflict when it uses the host's network, another container's, or none.
Status check_own_network(const ContainerInfo& before);

/// The way back of the faults that end a container's process: start it, unless something did.
class EndedProcessFault : public Fault {
 public:
  Status check(const ContainerInfo& before) const override;
  Status undo(const Recipe& recipe, const Site& site) const override;
  Status verify_undone(const Recipe& recipe, const Site& site) const override;
};

}  // namespace heal::fault
