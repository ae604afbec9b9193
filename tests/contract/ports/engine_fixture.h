#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/port/clock.h"
#include "common/port/container_engine.h"

namespace heal::test {

/// An engine to run the suite on, and containers of its own in it.
class EngineFixture {
 public:
  virtual ~EngineFixture() = default;

  virtual ContainerEngine& engine() = 0;
  virtual Clock& clock() = 0;

  /// What the main process of a container does.
  enum class Program {
    kEndsOnTerm,   ///< exits with 7 on SIGTERM
    kIgnoresTerm,  ///< has to be killed
    kPrints,       ///< prints `one`, `two`, `three`, then stays
  };
  /// Creates and starts a container on the network `bridge`, labelled `heal.test=contract`; gives its name.
  virtual std::string start_container(Program program) = 0;
  /// Makes its main process end by itself with `exit_code`.
  virtual void crash(const std::string& name, std::int64_t exit_code) = 0;

  Deadline soon() { return clock().deadline_in(20s); }
};

std::unique_ptr<EngineFixture> make_sim_engine();
std::unique_ptr<EngineFixture> make_docker_engine();
/// DockerEngine over a FakeDocker over the simulation: the fake daemon must not differ either.
std::unique_ptr<EngineFixture> make_fake_docker_engine();

struct EngineKind {
  std::string name;
  std::unique_ptr<EngineFixture> (*make)();
};
/// One of the three, in turn: the test runs once with each.
EngineKind engine_kind();

}  // namespace heal::test
