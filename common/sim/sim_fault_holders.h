#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/fault_holder.h"
#include "common/sim/sim_container_engine.h"

namespace heal {

/// Plays the program of fault holders on a SimContainerEngine: a holder that is run says that its fault is in force,
/// until it is stopped, its time is over, or it is killed. Takes the engine's hook on_run(). Thread-safe.
class SimFaultHolders {
 public:
  SimFaultHolders(SimContainerEngine& engine, Clock& clock);

  /// Ends the holders whose time is over.
  void pass_time();
  /// The kinds that this machine cannot do: refused before anything is touched.
  void lack(const std::string& kind);
  /// The kinds whose holder fails when it is to bring its fault about.
  void break_down(const std::string& kind);
  /// A killed holder leaves faults of this kind behind, until they are swept.
  void leave_behind(const std::string& kind);

  /// The kinds of fault that are in force in the container with this id.
  std::vector<std::string> faults_in(const std::string& container);

 private:
  struct Held {
    HolderOrder order;
    std::string id;
    SteadyTime due{};
  };

  std::optional<std::int64_t> run(const ContainerSpec& spec, const ContainerInfo& info);
  std::int64_t end_with(const ContainerInfo& info, std::int64_t code, const std::string& words);
  bool is_held(const Held& held);

  SimContainerEngine& engine_;
  Clock& clock_;
  Mutex mutex_;
  std::vector<Held> held_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> trouble_ HEAL_GUARDED_BY(mutex_);  // by kind
};

}  // namespace heal
