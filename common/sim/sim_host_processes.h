#pragma once

#include "common/port/host_processes.h"
#include "common/sim/sim_container_engine.h"

namespace heal {

/// Kills the main process of a container of a SimContainerEngine, as if from outside of it.
class SimHostProcesses : public HostProcesses {
 public:
  explicit SimHostProcesses(SimContainerEngine& sim) : sim_(sim) {}

  Status kill_main_process(ContainerEngine&, const ContainerInfo& container, Deadline, std::stop_token) override {
    sim_.crash(container.name, 137);
    return {};
  }

 private:
  SimContainerEngine& sim_;
};

}  // namespace heal
