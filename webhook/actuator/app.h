#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/cli/service.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"
#include "common/port/engine_connection.h"
#include "common/telemetry/logger.h"

namespace heal::actuator {

/// How the program was called.
struct ActuatorOptions {
  std::string config_file = "actuator.yml";
  std::string socket_path = "actuator.sock";
  std::uint32_t socket_mode = 0660;
  std::optional<std::uint32_t> socket_group;  ///< absent: the process's own
  std::vector<std::string> telemetry_listen;  ///< where /metrics and health are; none: nowhere
  std::string docker_host = "/var/run/docker.sock";
};

/// What of the world it touches.
struct ActuatorPorts {
  std::shared_ptr<Clock> clock;
  std::shared_ptr<EngineConnection> connection;
  std::shared_ptr<ContainerEngine> engine;  ///< the same engine
  std::string own_container;                ///< id of the container that we run in; "" for none
};

/// The real ones, for the engine behind the unix socket `docker_host`.
ActuatorPorts system_actuator_ports(const std::string& docker_host);

/// The actuator as an object: create, start, stop. start(), reload() and stop() come from one thread.
class ActuatorApp final : public cli::App {
 public:
  /// Reads the configuration; nothing is served yet. kInvalid for the configuration.
  static Result<std::unique_ptr<ActuatorApp>> create(ActuatorOptions options, ActuatorPorts ports, Logger logger);
  ~ActuatorApp() override;

  Status start() override;
  /// Reads the configuration again; on an error the old one stays in force.
  Status reload() override;
  /// Lets calls in flight end for a few seconds, then gives them up: the engine goes on with them by itself.
  void stop() override;

  /// The port of the first telemetry address; after start().
  std::uint16_t telemetry_port() const;
  std::string metrics_text();

 private:
  class Impl;
  explicit ActuatorApp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace heal::actuator
