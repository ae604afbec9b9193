#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/sim/sim_container_engine.h"
#include "tests/support/tiny_server.h"

namespace heal::test {

/// Programs inside of containers that were asked for, by id.
struct FakeExecs {
  struct Exec {
    std::string container;
    ExecSpec spec;
    std::optional<std::int64_t> exit_code;
  };
  Mutex mutex;
  std::map<std::string, Exec> by_id HEAL_GUARDED_BY(mutex);
};

/// A Docker daemon whose containers are a SimContainerEngine's: serves the part of the Engine API that we use on a unix
/// socket, so that a whole program can be tested against it. Count what it was asked with engine.calls(). An error
/// kTimeout of the engine means that the daemon never answers. Destroying it closes all connections, as a daemon that
/// dies does; another one may then be made on the same path.
class FakeDocker {
 public:
  FakeDocker(SimContainerEngine& engine, const std::string& socket_path);

 private:
  void serve(const TinyRequest& request, TinyConnection& connection);

  SimContainerEngine& engine_;
  FakeExecs execs_;
  TinyServer server_;  // last: its threads use the engine
};

}  // namespace heal::test
