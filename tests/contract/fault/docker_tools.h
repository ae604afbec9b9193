#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/fault/lease_keeper.h"
#include "common/sim/memory_store.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/posix_process_runner.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"

namespace heal::fault::test {

/// Fails the test where no Docker engine answers.
void need_engine();

/// The command line of Docker.
ProcessOutcome docker(std::vector<std::string> arguments);

/// An image with nothing but the holder's program and the libraries that it needs: no shell, no tools, no /tmp. Made
/// once, removed at the end of the program.
const std::string& bare_image();
HolderProgram holder_program();

/// A container of the bare image that may be broken, with limits: 96 MiB, 40 processes, half a CPU, 16 MiB in /data;
/// removed at the end with all holders of its leases.
class BareVictim {
 public:
  explicit BareVictim(const std::vector<std::string>& options, const std::string& suffix = "");
  ~BareVictim();
  BareVictim(const BareVictim&) = delete;
  BareVictim& operator=(const BareVictim&) = delete;

  const std::string& name() const { return name_; }
  TargetId target() const { return {"container", "local", name_}; }
  Deadline soon() { return clock.deadline_in(60s); }
  ContainerInfo look() { return engine->inspect(name_, soon(), {}).value(); }
  std::string address();
  std::string gateway();
  LeaseTools tools(Store& ledger);
  std::unique_ptr<LeaseKeeper> keeper() { return keeper_on(store); }
  std::unique_ptr<LeaseKeeper> keeper_on(Store& ledger) { return LeaseKeeper::open(tools(ledger), {}).value(); }
  /// Looks until it holds; false when it does not within a minute.
  bool comes(const std::function<bool()>& holds);

  SystemClock clock;
  SystemRandom random;
  MemoryStore store;
  SystemHostProcesses processes{{}};
  std::shared_ptr<DockerEngine> engine = std::make_shared<DockerEngine>(DockerEndpoint{});

 private:
  std::string word_of(const std::string& member) const;

  const std::string name_;
};

/// A network of Docker's, in which containers know each other by name; removed at the end.
class NamedNetwork {
 public:
  NamedNetwork();
  ~NamedNetwork();
  NamedNetwork(const NamedNetwork&) = delete;
  NamedNetwork& operator=(const NamedNetwork&) = delete;

  const std::string name;
};

/// Runs `work` on a thread in the network namespace of process `pid`, and waits for it.
void in_network_of(std::int64_t pid, const std::function<void()>& work);

}  // namespace heal::fault::test
