#include "webhook/actuator/app.h"

#include <thread>
#include <utility>

#include "common/base/snapshot.h"
#include "common/httpd/server.h"
#include "common/system/docker_connection.h"
#include "common/system/docker_engine.h"
#include "common/system/host_processes.h"
#include "common/system/system_clock.h"
#include "common/telemetry/metrics.h"
#include "webhook/actuator/config.h"
#include "webhook/actuator/gateway.h"

namespace heal::actuator {
namespace {

constexpr Duration kStopGrace = 5s;
constexpr Duration kReadyTime = 2s;
constexpr std::size_t kBodyBytes = 64 * 1024;
constexpr std::size_t kMostConnections = 256;
constexpr std::size_t kStreamBuffer = 4 << 20;
constexpr std::array kMethods{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"};

Result<std::shared_ptr<const Policy>> load_policy(const std::string& file, const std::string& own_container) {
  config::Diagnostics diagnostics;
  auto config = load_actuator_config(file, diagnostics);
  if (!config) return diagnostics.to_error();
  return std::make_shared<const Policy>(std::move(*config), own_container);
}

}  // namespace

class ActuatorApp::Impl {
 public:
  Impl(ActuatorOptions options, ActuatorPorts ports, Logger logger, std::shared_ptr<const Policy> policy)
      : options_(std::move(options)),
        ports_(std::move(ports)),
        logger_(std::move(logger)),
        metrics_("heal_actuator"),
        reload_metrics_(metrics_, "heal_actuator"),
        policy_(std::move(policy)),
        audit_(logger_, metrics_),
        gateway_({*ports_.clock, *ports_.connection, *ports_.engine, policy_, audit_}) {
    reload_metrics_.succeeded(ports_.clock->now());
  }
  ~Impl() { stop(); }

  Status start() {
    metrics_.add_collector([this](ExpositionWriter& out) {
      out.family("heal_actuator_streams", MetricType::kGauge, "Streams and waits that are open now.");
      out.sample("heal_actuator_streams", static_cast<double>(gateway_.streams()));
    });
    HEAL_TRY_STATUS(start_gate());
    HEAL_TRY_STATUS(start_telemetry());
    logger_.info("listening", {{"address", "unix:" + options_.socket_path}, {"engine", options_.docker_host}});
    return {};
  }

  Status reload() {
    auto policy = load_policy(options_.config_file, ports_.own_container);
    if (!policy) {
      reload_metrics_.failed();
      logger_.error("the configuration was not taken; the old one stays in force", {{"err", policy.error()}});
      return policy.error();
    }
    policy_.set(std::move(*policy));
    reload_metrics_.succeeded(ports_.clock->now());
    logger_.info("configuration loaded", {{"file", options_.config_file}});
    return {};
  }

  void stop() {
    {
      // The server waits for its handlers, and they for the engine.
      const std::jthread impatience([this](std::stop_token done) {
        if (ports_.clock->sleep_for(kStopGrace, done) == Clock::Wake::kReached) gateway_.stop();
      });
      if (gate_) gate_->stop(kStopGrace);
    }
    gateway_.stop();
    if (telemetry_) telemetry_->stop(kStopGrace);
  }

  std::uint16_t telemetry_port() const { return telemetry_ ? telemetry_->port() : 0; }
  std::string metrics_text() { return metrics_.expose(); }

 private:
  Status start_gate() {
    httpd::ServerOptions server;
    server.listen = {"unix:" + options_.socket_path};
    server.unix_mode = options_.socket_mode;
    server.unix_group = options_.socket_group;
    server.metrics_prefix = "heal_actuator";
    server.limits.body_bytes = kBodyBytes;
    server.limits.connections = kMostConnections;
    server.limits.stream_buffer_bytes = kStreamBuffer;
    HEAL_TRY(gate_, httpd::HttpServer::create(std::move(server), logger_.component("httpd"), metrics_));
    httpd::RouteOptions options;
    options.name = "docker";
    for (const auto* method : kMethods) {
      gate_->handle_deferred(
          method, "/*",
          [this](const httpd::HttpRequest& request, httpd::Responder responder) {
            gateway_.serve(request, std::move(responder));
          },
          options);
    }
    return gate_->start();
  }

  Status start_telemetry() {
    if (options_.telemetry_listen.empty()) return {};
    httpd::ServerOptions server;
    server.listen = options_.telemetry_listen;
    server.metrics_prefix = "heal_actuator_telemetry";
    HEAL_TRY(telemetry_, httpd::HttpServer::create(std::move(server), logger_.component("httpd"), metrics_));
    cli::AdminHooks hooks;
    hooks.ready = [this] { return ready(); };
    cli::add_admin_routes(*telemetry_, metrics_, hooks);
    return telemetry_->start();
  }

  Status ready() {
    const auto version = ports_.engine->version(ports_.clock->deadline_in(kReadyTime), {});
    return version ? Status() : Status(version.error());
  }

  const ActuatorOptions options_;
  const ActuatorPorts ports_;
  const Logger logger_;
  Metrics metrics_;
  const ReloadMetrics reload_metrics_;
  Snapshot<Policy> policy_;
  const Audit audit_;
  Gateway gateway_;
  std::unique_ptr<httpd::HttpServer> gate_;
  std::unique_ptr<httpd::HttpServer> telemetry_;
};

ActuatorPorts system_actuator_ports(const std::string& docker_host) {
  DockerEndpoint endpoint;
  endpoint.unix_socket = docker_host;
  ActuatorPorts ports;
  ports.clock = std::make_shared<SystemClock>();
  ports.connection = std::make_shared<DockerConnection>(endpoint);
  ports.engine = std::make_shared<DockerEngine>(endpoint);
  ports.own_container = own_container_id();
  return ports;
}

Result<std::unique_ptr<ActuatorApp>> ActuatorApp::create(ActuatorOptions options, ActuatorPorts ports, Logger logger) {
  HEAL_TRY(auto policy, load_policy(options.config_file, ports.own_container));
  return std::unique_ptr<ActuatorApp>(new ActuatorApp(
      std::make_unique<Impl>(std::move(options), std::move(ports), std::move(logger), std::move(policy))));
}

ActuatorApp::ActuatorApp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ActuatorApp::~ActuatorApp() = default;

Status ActuatorApp::start() {
  return impl_->start();
}
Status ActuatorApp::reload() {
  return impl_->reload();
}
void ActuatorApp::stop() {
  impl_->stop();
}
std::uint16_t ActuatorApp::telemetry_port() const {
  return impl_->telemetry_port();
}
std::string ActuatorApp::metrics_text() {
  return impl_->metrics_text();
}

}  // namespace heal::actuator
