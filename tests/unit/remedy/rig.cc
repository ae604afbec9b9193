#include "tests/unit/remedy/rig.h"

#include <chrono>
#include <future>
#include <set>
#include <utility>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/support/waiting.h"

namespace heal::remedy::test {
namespace {

std::shared_ptr<World> make_world(const std::string& heal_yml, const std::string& playbook) {
  config::Diagnostics diagnostics;
  auto config = playbook::parse_heal_config(heal_yml, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  auto book = playbook::parse_playbook(playbook, "playbook.yml", config->guards, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(book);
  auto world = std::make_shared<World>();
  world->bundle.config = std::move(*config);
  const std::string name = book->name;
  world->bundle.playbooks.emplace(name, std::move(*book));
  return world;
}

bool is_change(const SimEngineCall& call) {
  static const std::set<std::string> kReads{"inspect", "list", "version", "stats", "logs_tail", "last_log_time"};
  return !kReads.contains(call.verb);
}

}  // namespace

const char* const kHealYml = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
inventory:
  container_labels: true
alertmanagers:
  - {url: "http://alertmanager:9093"}
defaults:
  guards:
    cooldown: 5m
    budget: {attempts: 3, window: 1h}
    fresh_evidence: {timeout: 2s}
allow:
  commands: [/bin/true-ish]
routes:
  - match: ['alertname="NginxDown"']
    playbook: restart-container
    target: "container/local/{{ labels.container }}"
)";

const char* const kRestartPlaybook = R"(version: 1
playbook: restart-container
summary: Restart a container that stopped answering, and prove that it serves again.
mode: auto
params:
  grace: {type: duration, default: 5s}
before:
  - {check: health, is: failing}
steps:
  - name: state
    docker.inspect: {}
  - name: restart
    when: [{value: steps.state.status, is_not: removing}]
    docker.restart: {grace: "{{ params.grace }}"}
    timeout: 30s
    retry: {attempts: 2, backoff: 1s}
    on_unknown: probe
verify:
  within: 30s
  consecutive: 2
  all: [{check: health}, {container: running}]
stay_healthy: 30s
)";

std::string approve_mode(const std::string& approval) {
  std::string text = kRestartPlaybook;
  return text.replace(text.find("mode: auto"), 10, "mode: approve\napproval: " + approval);
}

Rig::Rig(const std::string& playbook, const std::string& heal_yml) {
  auto made = make_world(heal_yml, playbook);
  made->engines["local"] = engine;
  made->alertmanagers.push_back(alertmanager);
  made->prometheus = prometheus;
  world.emplace(std::shared_ptr<const World>(std::move(made)));
  SimContainer nginx;
  nginx.name = "nginx";
  nginx.labels = {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}};
  engine->add(nginx);
  http.on("GET", "http://nginx/healthz", [this](const HttpClientRequest&) {
    const auto info = engine->inspect("nginx", clock.deadline_in(1s), {});
    if (info.has_value() && info->running()) return HttpAnswer::of(200, "ok");
    return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
  });
  clock.advance(1min);
  start();
}

Rig::~Rig() {
  stop();
}

void Rig::start() {
  coordinator = std::make_unique<Coordinator>(*store, *world, Tools{clock, random, http, dialer, processes, &mailer},
                                              Logger::none(), remedy_metrics, CoordinatorOptions{2, 4096, nullptr});
  REQUIRE(coordinator->start().has_value());
}

void Rig::kill() {
  store->fail_all(make_error(ErrorCode::kStorage, "killed"));
  coordinator.reset();
  store = std::make_shared<FailingStore>(memory);
}

void Rig::stop() {
  if (coordinator) coordinator->stop(0s);
}

Alert Rig::fire(const std::string& container, Duration age) {
  Alert alert;
  alert.labels = {{"alertname", "NginxDown"}, {"container", container}};
  alert.starts_at = clock.now() - age;
  alert.fingerprint = fingerprint_of(alert.labels);
  ActiveAlert active;
  active.alert = alert;
  active.state = "active";
  alertmanager->hold(active);
  return alert;
}

FaultLease Rig::inject(bool pages) {
  clock.advance(1s);
  FaultLease lease;
  lease.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEF";
  lease.kind = "kill";
  lease.target = {"container", "local", "nginx"};
  lease.state = FaultLease::State::kApplied;
  lease.injected_at = clock.now();
  lease.deadline = clock.now() + 60s;
  lease.owner = "ops";
  lease.pages = pages;
  REQUIRE(store->commit({PutLease{lease}}));
  return lease;
}

Alert Rig::resolve(Alert alert) {
  alertmanager->forget(alert.labels);
  alert.status = AlertStatus::kResolved;
  alert.ends_at = clock.now();
  return alert;
}

void Rig::silence(const Alert& alert) {
  ActiveAlert muted;
  muted.alert = alert;
  muted.state = "suppressed";
  muted.silenced_by = {"a-silence"};
  alertmanager->hold(muted);
}

void Rig::forget_alertmanagers() {
  auto alone = std::make_shared<World>(*world->get());
  alone->alertmanagers.clear();
  world->set(std::shared_ptr<const World>(std::move(alone)));
}

SourceEvent Rig::death() {
  SourceEvent death;
  death.source = "docker";
  death.key = "docker:nginx:die:" + format_rfc3339(clock.now());
  death.name = "ContainerDied";
  death.target = TargetId{"container", "local", "nginx"};
  death.labels = {{"alertname", "ContainerDied"}, {"source", "docker"}, {"engine", "local"}, {"container", "nginx"}};
  death.labels.emplace("container_id", engine->inspect("nginx", clock.deadline_in(1s), {})->id);
  death.labels.emplace("event", "die");
  death.starts_at = clock.now();
  return death;
}

AlertGroup Rig::group_of(std::vector<Alert> alerts) {
  AlertGroup group;
  group.receiver = "heal-webhook";
  group.external_url = "http://alertmanager:9093";
  group.alerts = std::move(alerts);
  return group;
}

Result<IngestReply> Rig::post(const AlertGroup& group) {
  return tell(events_of(group));
}

Result<IngestReply> Rig::tell(EventBatch batch) {
  // Shared: set_value() may still be at work when get() has returned.
  auto promise = std::make_shared<std::promise<Result<IngestReply>>>();
  auto future = promise->get_future();
  coordinator->ingest(std::move(batch), [promise](Result<IngestReply> reply) { promise->set_value(std::move(reply)); });
  return future.get();
}

Result<HealAnswer> Rig::heal(HealRequest request) {
  auto promise = std::make_shared<std::promise<Result<HealAnswer>>>();
  auto future = promise->get_future();
  coordinator->heal(std::move(request), [promise](Result<HealAnswer> reply) { promise->set_value(std::move(reply)); });
  return future.get();
}

Result<Incident> Rig::operate(OperatorRequest request) {
  auto promise = std::make_shared<std::promise<Result<Incident>>>();
  auto future = promise->get_future();
  coordinator->operate(std::move(request), [promise](Result<Incident> reply) { promise->set_value(std::move(reply)); });
  return future.get();
}

void Rig::add_playbook(const std::string& text) {
  auto changed = std::make_shared<World>(*world->get());
  config::Diagnostics diagnostics;
  auto book = playbook::parse_playbook(text, "another.yml", changed->bundle.config.guards, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(book);
  const std::string name = book->name;
  changed->bundle.playbooks.insert_or_assign(name, std::move(*book));
  world->set(std::shared_ptr<const World>(std::move(changed)));
}

void Rig::run_until(const std::function<bool()>& done) {
  heal::test::run_until(clock, done, [this] { return story(); });
}

Incident Rig::run_to(IncidentState state) {
  run_until([&] {
    const auto all = incidents();
    return !all.empty() && all.front().state == state;
  });
  return newest();
}

void Rig::await(const std::function<bool()>& done) {
  heal::test::await(done, [this] { return story(); });
}

std::string Rig::story() {
  std::string out;
  for (const auto& incident : incidents())
    out += fmt::format("{} {} {}: {}\n", incident.id, to_string(incident.state), incident.reason, incident.message);
  return out;
}

std::vector<Incident> Rig::incidents() {
  return memory->incidents({}).value();
}

Incident Rig::newest() {
  const auto all = incidents();
  REQUIRE(!all.empty());
  return all.front();
}

std::vector<TimelineEntry> Rig::timeline(const std::string& id) {
  auto entries = memory->timeline(id);
  REQUIRE(entries.has_value());
  return std::move(*entries);
}

std::vector<std::string> Rig::kinds(const std::string& id) {
  std::vector<std::string> out;
  for (const auto& entry : timeline(id))
    out.push_back(entry.kind);
  return out;
}

std::vector<SimEngineCall> Rig::changes() {
  std::vector<SimEngineCall> out;
  for (const auto& call : engine->calls()) {
    if (is_change(call)) out.push_back(call);
  }
  return out;
}

}  // namespace heal::remedy::test
