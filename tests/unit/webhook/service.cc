#include "tests/unit/webhook/service.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include <catch2/catch.hpp>

#include "common/sim/scripted_prometheus_api.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_dialer.h"
#include "common/sim/sim_host_processes.h"
#include "heal_openapi.h"
#include "tests/support/json_schema.h"
#include "tests/support/waiting.h"

namespace heal::webhook::test {

using httpd::test::RawClient;

namespace {

/// Every answer that a test gets from the API is what openapi.json says of it.
Reply as_documented(const std::string& method, const std::string& path, Reply reply) {
  const bool is_api = path.starts_with("/api/v1/") || path == "/webhook" || path == "/failover";
  if (!is_api || method == "HEAD") return reply;
  static const Json kDocument = parse_json(kOpenApiDocument).value();
  INFO(method << " " << path << ": " << reply.status << " " << reply.body.substr(0, 2000));
  CHECK(heal::test::answer_problems(kDocument, method, path, reply.status, reply.header("Content-Type"), reply.body) ==
        std::vector<std::string>());
  return reply;
}

}  // namespace

Json body_of(const Reply& reply) {
  INFO(reply.body);
  auto json = parse_json(reply.body);
  REQUIRE(json.has_value());
  return std::move(*json);
}

const char* const kHealYml = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
alertmanagers:
  - {url: "http://alertmanager:9093"}
faults: {enabled: true}
routes:
  - match: ['alertname="NginxDown"']
    playbook: restart-container
    target: "container/local/{{ labels.container }}"
)";

const char* const kRestart = R"(version: 1
playbook: restart-container
summary: Restart a container that stopped answering.
mode: auto
params:
  grace: {type: duration, default: 5s}
steps:
  - name: restart
    docker.restart: {grace: "{{ params.grace }}"}
verify:
  within: 30s
  all: [{check: health}, {container: running}]
stay_healthy: 30s
)";

Service::Service(AppOptions given) : options(std::move(given)) {
  options.config_file = (folder.path() / "heal.yml").string();
  options.storage_path = (folder.path() / "data").string();
  if (options.listen == AppOptions().listen) options.listen = {"127.0.0.1:0"};
  write("heal.yml", kHealYml);
  write("playbooks/restart.yml", kRestart);
  SimContainer nginx;
  nginx.name = "nginx";
  nginx.labels = {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}, {"heal.simulate", "allow"}};
  engine->add(nginx);
  http->on("GET", "http://nginx/healthz", [this](const HttpClientRequest&) {
    const auto info = engine->inspect("nginx", clock->deadline_in(1s), {});
    if (info.has_value() && info->running()) return HttpAnswer::of(200, "ok");
    return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
  });
  clock->advance(1min);
}

Service::~Service() {
  if (app) app->stop();
}

Ports Service::ports() {
  Ports ports;
  ports.clock = clock;
  ports.random = std::make_shared<SequenceRandom>();
  ports.http = http;
  ports.dialer = std::make_shared<SimDialer>(*clock);
  ports.dns = dns;
  ports.processes = std::make_shared<ScriptedProcessRunner>(*clock);
  ports.make_host_processes = [this](const std::string&) { return std::make_shared<SimHostProcesses>(*engine); };
  ports.open_store = [this](const std::string&) -> Result<std::shared_ptr<Store>> {
    return std::shared_ptr<Store>(store);
  };
  ports.make_engine = [this](const playbook::EngineConfig&,
                             const std::string&) -> Result<std::shared_ptr<ContainerEngine>> {
    return std::shared_ptr<ContainerEngine>(engine);
  };
  ports.make_prometheus = [this](const playbook::HttpEndpoint&,
                                 const std::string&) -> Result<std::shared_ptr<PrometheusApi>> {
    return std::shared_ptr<PrometheusApi>(std::make_shared<ScriptedPrometheusApi>(*clock));
  };
  ports.make_alertmanager = [this](const playbook::HttpEndpoint&,
                                   const std::string&) -> Result<std::shared_ptr<AlertmanagerApi>> {
    return std::shared_ptr<AlertmanagerApi>(alertmanager);
  };
  return ports;
}

Status Service::start() {
  LoggerOptions log;
  log.sink = [this](std::string_view line) {
    MutexLock lock(mutex_);
    log_ += line;
  };
  HEAL_TRY(app, App::create(options, ports(), Logger(std::move(log))));
  return app->start();
}

void Service::write(const std::string& name, std::string_view text) {
  folder.write(name, std::string(text));
}

Reply Service::get(const std::string& path, const std::string& headers) {
  return as_documented("GET", path, RawClient::fetch(app->port(), "GET " + path, headers));
}

Reply Service::post(const std::string& path, const std::string& body, const std::string& headers) {
  return as_documented("POST", path, RawClient::fetch(app->port(), "POST " + path, headers, body));
}

RawClient Service::ask(const std::string& request_line, const std::string& body) {
  return RawClient::ask(app->port(), request_line, "", body);
}

Reply Service::send(const std::string& method, const std::string& path, const std::string& body) {
  return as_documented(method, path, RawClient::fetch(app->port(), method + " " + path, "", body));
}

Json Service::get_json(const std::string& path) {
  const Reply reply = get(path);
  INFO(path << ": " << reply.body);
  REQUIRE(reply.status == 200);
  return parse_json(reply.body).value();
}

std::string Service::metric(std::string_view name) {
  const std::string page = get("/metrics").body;
  const auto at = page.find("\n" + std::string(name) + " ");
  if (at == std::string::npos) return "";
  const auto start = at + name.size() + 2;
  return page.substr(start, page.find('\n', start) - start);
}

std::string Service::log() {
  MutexLock lock(mutex_);
  return log_;
}

Json Service::firing(const std::string& instance) {
  ActiveAlert active;
  active.alert.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}, {"instance", instance}};
  active.alert.starts_at = clock->now();
  active.alert.fingerprint = fingerprint_of(active.alert.labels);
  active.state = "active";
  alertmanager->hold(active);
  return {{"status", "firing"},
          {"labels", active.alert.labels},
          {"annotations", Json::object()},
          {"startsAt", format_rfc3339_nano(active.alert.starts_at)},
          {"endsAt", "0001-01-01T00:00:00Z"},
          {"generatorURL", "http://prometheus/graph"}};
}

std::string Service::notification(const std::function<void(Json&)>& edit) {
  Json group{{"version", "4"},
             {"groupKey", "{}:{}"},
             {"truncatedAlerts", 0},
             {"status", "firing"},
             {"receiver", "heal\\.webhook"},
             {"groupLabels", Json::object()},
             {"commonLabels", Json::object()},
             {"commonAnnotations", Json::object()},
             {"externalURL", "http://alertmanager:9093"},
             {"alerts", Json::array()}};
  group["alerts"].push_back(firing("one"));
  if (edit) edit(group);
  return dump(group);
}

void Service::await(const std::function<bool()>& done) {
  heal::test::await(done, [this] { return log(); });
}

void Service::run_until(const std::function<bool()>& done) {
  heal::test::run_until(*clock, done, [this] { return log(); });
}

std::string Service::run_to(IncidentState state) {
  std::string id;
  run_until([&] {
    const auto all = memory->incidents({}).value();
    if (all.empty() || all.front().state != state) return false;
    id = all.front().id;
    return true;
  });
  return id;
}

std::size_t Service::restarts() {
  const auto calls = engine->calls();
  return static_cast<std::size_t>(
      std::count_if(calls.begin(), calls.end(), [](const SimEngineCall& call) { return call.verb == "restart"; }));
}

}  // namespace heal::webhook::test
