#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_container_engine.h"
#include "common/system/docker_engine.h"
#include "tests/support/fake_docker.h"
#include "tests/support/temp_folder.h"
#include "webhook/actuator/app.h"

namespace heal::actuator::test {

/// An actuator before a simulated Docker, and a client of it.
class Service {
 public:
  explicit Service(const std::string& config);
  ~Service();

  /// What was logged so far.
  std::string log();
  std::string socket() const { return (folder_.path() / "actuator.sock").string(); }
  std::string config_file() const { return (folder_.path() / "actuator.yml").string(); }
  void write_config(const std::string& text) const;
  /// `METHOD target` with a body; the answer as `status body`.
  std::string ask(std::string_view request_line, std::string_view body = "", std::string_view headers = "");

  FakeClock clock;
  SimContainerEngine sim{clock};

 private:
  heal::test::TempFolder folder_;
  Mutex mutex_;
  std::string log_ HEAL_GUARDED_BY(mutex_);

 public:
  std::unique_ptr<heal::test::FakeDocker> docker;
  std::unique_ptr<ActuatorApp> app;
  std::unique_ptr<DockerEngine> client;
};

/// The configuration that most tests use.
std::string usual_config();
inline Deadline soon() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()) + 20s;
}

}  // namespace heal::actuator::test
