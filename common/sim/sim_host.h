#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/host.h"

namespace heal {

/// A machine in memory, on whose clock its processes use their CPUs. Thread-safe.
class SimHost : public Host {
 public:
  explicit SimHost(Clock& clock) : clock_(clock) {}

  /// Puts a process into `scope`, which uses `cpus` of a CPU from now on.
  void add(const ProcessScope& scope, HostProcess process, double cpus = 0);
  /// It ignores SIGTERM and the like.
  void make_stubborn(std::int64_t pid);
  /// It has ended, and its pid belongs to another process now.
  void reuse_pid(std::int64_t pid);
  /// Caches cannot be dropped from now on.
  void forbid_drop_caches(Error error);

  std::vector<std::pair<std::int64_t, std::string>> signals();  ///< pid and signal, in order
  std::vector<Caches> dropped();

  Result<std::vector<HostProcess>> processes(const ProcessScope& scope) override;
  Status signal(const HostProcess& process, const std::string& signal) override;
  Status drop_caches(Caches what) override;

 private:
  struct Process {
    ProcessScope scope;
    HostProcess process;
    double cpus = 0;
    SteadyTime since{};
    bool is_stubborn = false;
  };

  Clock& clock_;

  Mutex mutex_;
  std::map<std::int64_t, Process> processes_ HEAL_GUARDED_BY(mutex_);  // by pid
  std::vector<std::pair<std::int64_t, std::string>> signals_ HEAL_GUARDED_BY(mutex_);
  std::vector<Caches> dropped_ HEAL_GUARDED_BY(mutex_);
  Status may_drop_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal
