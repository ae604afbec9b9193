#include "tests/unit/actuator/service.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "common/system/docker_connection.h"
#include "tests/unit/httpd/raw_client.h"

namespace heal::actuator::test {

Service::Service(const std::string& config) {
  write_config(config);
  const std::string upstream = (folder_.path() / "docker.sock").string();
  docker = std::make_unique<heal::test::FakeDocker>(sim, upstream);
  ActuatorOptions options;
  options.config_file = config_file();
  options.socket_path = socket();
  options.telemetry_listen = {"127.0.0.1:0"};
  ActuatorPorts ports;
  const DockerEndpoint endpoint{upstream};
  ports.clock = std::shared_ptr<Clock>(&clock, [](Clock*) {});
  ports.connection = std::make_shared<DockerConnection>(endpoint);
  ports.engine = std::make_shared<DockerEngine>(endpoint);
  LoggerOptions log;
  log.level = LogLevel::kDebug;
  log.sink = [this](std::string_view line) {
    MutexLock lock(mutex_);
    log_ += line;
  };
  // Deadlines of calls are measured on the real clock.
  const Duration behind = std::chrono::steady_clock::now() - clock.steady_now();
  // An hour ahead, so that none is over before its call: this clock stands still, the real one does not.
  clock.advance(std::max(behind, Duration()) + 1h);
  app = std::move(*ActuatorApp::create(std::move(options), std::move(ports), Logger(std::move(log))));
  if (const auto status = app->start(); !status) throw std::runtime_error(status.error().str());
  client = std::make_unique<DockerEngine>(DockerEndpoint{socket()});
}

Service::~Service() {
  docker.reset();  // ends what waits for it
  app->stop();
}

std::string Service::log() {
  MutexLock lock(mutex_);
  return log_;
}

void Service::write_config(const std::string& text) const {
  std::ofstream(config_file()) << text;
}

std::string Service::ask(std::string_view request_line, std::string_view body, std::string_view headers) {
  httpd::test::RawClient client_of_bytes(socket());
  client_of_bytes.send(fmt::format("{} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
                                   request_line, headers, body.size(), body));
  const auto reply = client_of_bytes.read_reply();
  return fmt::format("{} {}", reply.status, reply.body);
}

std::string usual_config() {
  return R"(version: 1
allow:
  - verbs: [list, events, inspect, logs, stats]
    labels: {heal.enable: "true"}
  - verbs: [start, stop, restart, kill, pause, unpause]
    labels: {heal.enable: "true"}
    rate: {actions: 3, window: 1m}
faults: {enabled: true, helper_image: "promheal:local", networks: [".*_web"]}
)";
}

}  // namespace heal::actuator::test
