#pragma once

#include <string>

#include "common/sim/sim_container_engine.h"
#include "tests/support/tiny_server.h"

namespace heal::test {

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
  TinyServer server_;  // last: its threads use the engine
};

}  // namespace heal::test
