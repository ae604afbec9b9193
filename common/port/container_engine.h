#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/model/container.h"

namespace heal {

/// What one call did: `kAlready` when the container was in the wanted state before (HTTP 304).
enum class EngineChange { kDone, kAlready };

/// A container engine that speaks the Docker Engine API. `container` is a name or id. Thread-safe.
/// Common errors: kNotFound (no such container or network), kConflict (409), kUnreachable (nothing was
/// sent), kUnavailable (broken off: the outcome is unknown),
/// kTimeout: the outcome is unknown, the engine goes on after its client has left; kCancelled likewise; kRefused when a
/// filter in between said no (403). Success says what the engine answered, not that it helped: look at
/// inspect().started_at.
class ContainerEngine {
 public:
  virtual ~ContainerEngine() = default;

  /// `{engine version, api version in use}`; the API version is negotiated once per connection to the daemon.
  struct Version {
    std::string engine, api;
  };
  virtual Result<Version> version(Deadline deadline, std::stop_token stop) = 0;

  /// All containers, also stopped ones. The engine's list knows less than inspect(): pid, oom_killed, error,
  /// restart_count, restart_policy, auto_remove, started_at, finished_at, memory_limit_bytes and limits keep their
  /// defaults.
  virtual Result<std::vector<ContainerInfo>> list(Deadline deadline, std::stop_token stop) = 0;
  virtual Result<ContainerInfo> inspect(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  /// kConflict when the container is not running: the engine would answer with zeros.
  virtual Result<ContainerStats> stats(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  /// Time of the newest line of the container's log; nullopt when it has none or the log driver cannot be read.
  virtual Result<std::optional<WallTime>> last_log_time(const std::string& container, Deadline deadline,
                                                        std::stop_token stop) = 0;
  /// The last `lines` lines, stdout and stderr as they came, at most `max_bytes`.
  virtual Result<std::string> logs_tail(const std::string& container, int lines, std::size_t max_bytes,
                                        Deadline deadline, std::stop_token stop) = 0;

  virtual Result<EngineChange> start(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  /// `grace`: time between the stop signal and SIGKILL, whole seconds, rounded up.
  virtual Result<EngineChange> stop(const std::string& container, Duration grace, Deadline deadline,
                                    std::stop_token stop) = 0;
  virtual Status restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) = 0;
  virtual Status kill(const std::string& container, const std::string& signal, Deadline deadline,
                      std::stop_token stop) = 0;
  virtual Status pause(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  virtual Status unpause(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  /// Sets the limits that are given. The engine keeps them over restarts, and has no way to take a memory limit away
  /// again: kInvalid for one below its minimum (6 MiB), or that does not go with the container's other limits.
  virtual Status update(const std::string& container, const ContainerLimits& limits, Deadline deadline,
                        std::stop_token stop) = 0;
  /// Runs a program in the container and waits for its end. kConflict when the container does not run. A program that
  /// is not waited for (kTimeout, kCancelled) runs on.
  virtual Result<ExecOutcome> exec(const std::string& container, const ExecSpec& spec, Deadline deadline,
                                   std::stop_token stop) = 0;
  /// Creates, without starting, a container `name` like `container`: image (by its name), configuration, limits,
  /// networks and volumes, those without a name included; marked with kReplacesLabel. Gives its id. kConflict when the
  /// name is taken, or when `container` removes itself at its end. As run(), it leaves nothing behind when it is
  /// stopped, and may take some seconds to end then.
  virtual Result<std::string> clone(const std::string& container, const std::string& name, Deadline deadline,
                                    std::stop_token stop) = 0;
  virtual Status rename(const std::string& container, const std::string& name, Deadline deadline,
                        std::stop_token stop) = 0;
  virtual Status disconnect_network(const std::string& container, const std::string& network, Deadline deadline,
                                    std::stop_token stop) = 0;
  /// `endpoint`: the JSON object that inspect().networks gave, so that aliases and fixed addresses come back.
  virtual Status connect_network(const std::string& container, const std::string& network, const std::string& endpoint,
                                 Deadline deadline, std::stop_token stop) = 0;
  /// Creates and starts; gives the id. Stopped meanwhile, it waits some seconds to hear of what it has asked for, and
  /// takes it away.
  virtual Result<std::string> run(const ContainerSpec& spec, Deadline deadline, std::stop_token stop) = 0;
  /// Waits until it is no longer running; gives its exit code.
  virtual Result<std::int64_t> wait(const std::string& container, Deadline deadline, std::stop_token stop) = 0;
  virtual Status remove(const std::string& container, Deadline deadline, std::stop_token stop) = 0;  ///< by force

  /// Streams events since `since` until `stop` is requested (success) or the connection ends (kUnavailable). The
  /// callback runs on the calling thread.
  virtual Status events(std::optional<WallTime> since, const std::function<void(const ContainerEvent&)>& on_event,
                        std::stop_token stop) = 0;
};

}  // namespace heal
