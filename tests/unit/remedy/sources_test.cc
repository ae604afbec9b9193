#include "common/remedy/source/sources.h"

#include <chrono>
#include <future>

#include <catch2/catch.hpp>

#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

constexpr const char* kDockerYml = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
alertmanagers:
  - {url: "http://alertmanager:9093"}
sources:
  docker: {engines: [local], restart_grace: 10s, reconcile: 30s}
  alertmanager: {absence: off}
routes:
  - {match: ['source="docker"'], playbook: restart-container}
  - {match: ['alertname="NginxDown"'], playbook: restart-container, target: "container/local/{{ labels.container }}"}
)";

constexpr const char* kScheduleYml = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
sources:
  alertmanager: {absence: off}
schedules:
  - name: web-answers
    every: 30s
    check: {check: health}
    failures: 2
    playbook: restart-container
    target: container/local/nginx
    params: {grace: 3s}
)";

constexpr const char* kAbsenceYml = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
alertmanagers:
  - {url: "http://alertmanager:9093"}
sources:
  alertmanager: {absence: {every: 30s, polls: 3, resend_interval: 1m}}
routes:
  - {match: ['alertname="NginxDown"'], playbook: restart-container, target: "container/local/{{ labels.container }}"}
)";

/// A rig whose sources run.
class SourcesRig : public Rig {
 public:
  explicit SourcesRig(const char* heal_yml, const char* playbook = kRestartPlaybook) : Rig(playbook, heal_yml) {
    start_sources();
  }
  /// With one more container. It is there before anybody looks: a late event of its making would make the watch look
  /// at it whenever that comes.
  SourcesRig(const char* heal_yml, const SimContainer& more) : Rig(kRestartPlaybook, heal_yml) {
    engine->add(more);
    start_sources();
  }
  ~SourcesRig() { sources.reset(); }

  void start_sources() {
    sources.emplace(
        SourceTools{Tools{clock, random, http, dialer, processes}, *store, *world, Logger::none(),
                    [this](EventBatch batch, auto done) { coordinator->ingest(std::move(batch), std::move(done)); }});
    REQUIRE(sources->start().has_value());
  }
  void watched() {
    engine->wait_for_followers(1);
    await([&] { return memory->value("docker_seen/local").value().has_value(); });
  }
  /// Lets the time pass for which the source alone waits.
  void let_pass(Duration time) {
    await([&] { return clock.next_wake() == clock.steady_now() + time; });
    clock.advance(time);
  }

  std::optional<Sources> sources;
};

TEST_CASE("a container that dies is healed without any alert, and the incident tells how it died") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  const WallTime then = rig.clock.now();
  rig.engine->crash("nginx", 137, true);
  rig.run_to(IncidentState::kClosed);
  const Incident incident = rig.newest();
  CHECK(incident.name == "ContainerDied");
  CHECK(incident.type == "CONTAINER_CRASH");
  CHECK(incident.exit_code == 137);
  CHECK(incident.failure_reason == "exit code 137 (SIGKILL), out of memory");
  CHECK(incident.times.failed_at == then);
  rig.await([&] { return rig.newest().times.resolved_at.has_value(); });
  CHECK(rig.changes().size() == 2);  // events, restart
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("a container that could not be started is a failed deployment, told by the engine alone") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  SimContainer web{"web", "web:2", {{"heal.enable", "true"}, {"heal.health", "http://nginx/healthz"}}};
  web.program.start_error = "exec: no such file";
  rig.engine->create(web);
  CHECK_FALSE(rig.engine->start("web", rig.clock.deadline_in(1s), {}).has_value());
  rig.run_until([&] { return !rig.incidents().empty(); });
  const Incident incident = rig.newest();
  CHECK(incident.name == "ContainerDeploymentFailed");
  CHECK(incident.type == "DEPLOYMENT_FAILURE");
  CHECK(incident.exit_code == 128);
  CHECK(incident.failure_reason == "it could not be started: exit code 128: exec: no such file");
  CHECK(incident.target->str() == "container/local/web");
  rig.engine->set_program("web", {});
  rig.http.on("GET", "http://nginx/healthz", [&](const HttpClientRequest&) {
    const auto info = rig.engine->inspect("web", rig.clock.deadline_in(1s), {});
    return info.has_value() && info->running() ? HttpAnswer::of(200, "ok") : HttpAnswer::of(500, "sick");
  });
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.newest().times.verified_at.has_value());
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("our own restart is not taken for a failure") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  rig.http.on("GET", "http://nginx/healthz", [&](const HttpClientRequest&) {
    const auto info = rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {});
    const bool was_restarted = info.has_value() && info->running() && info->finished_at;
    return was_restarted ? HttpAnswer::of(200, "ok") : HttpAnswer::of(500, "sick");
  });
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.newest().reason == "stayed_healthy");
}

TEST_CASE("an alert and the engine's event of one fault are one incident, whichever comes first") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500, "sick"); });
  rig.engine->crash("nginx", 1);
  rig.await([&] { return rig.incidents().size() == 1; });
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.newest().episode_keys.size() == 2);
}

TEST_CASE("what Docker's restart policy brought back is recorded and left alone") {
  SimContainer web;
  web.name = "web";
  web.labels = {{"heal.enable", "true"}};
  web.restart_policy = "always";
  SourcesRig rig(kDockerYml, web);
  rig.watched();
  rig.clock.advance(1s);
  rig.engine->crash("web", 1);
  rig.let_pass(10s);
  rig.await([&] { return !rig.incidents().empty(); });
  CHECK(rig.newest().state == IncidentState::kStale);
  CHECK(rig.newest().reason == "healed_by_docker");
  CHECK(rig.newest().exit_code == 1);
  CHECK(rig.newest().target->str() == "container/local/web");
  CHECK(rig.changes().size() == 1);  // events alone
}

TEST_CASE("a death that the stream of events missed is found after the engine is back") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  rig.engine->go_away();
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 1);
  rig.engine->come_back();
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.newest().reason == "stayed_healthy");
}

TEST_CASE("a container that the engine does not show keeps no other from being watched") {
  const ErrorCode code = GENERATE(ErrorCode::kRefused, ErrorCode::kProtocol);
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.sources.reset();
  rig.engine->add({"aaa", "sim/image:1", {{"heal.enable", "true"}}});
  rig.engine->hide("aaa", make_error(code, "no"));
  rig.start_sources();
  rig.engine->wait_for_followers(1);
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 137);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.newest().target == TargetId{"container", "local", "nginx"});
}

TEST_CASE("a death while the service was down is found, also by an engine whose clock is behind") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.sources.reset();
  rig.engine->crash("nginx", 1);
  const std::string seen = format_rfc3339_nano(rig.clock.now() + 3min);
  REQUIRE(rig.memory->commit({PutValue{"docker_seen/local", seen}}));
  rig.start_sources();
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.newest().name == "ContainerDied");
}

TEST_CASE("a death while the service was down is found at its start, once") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.sources.reset();
  rig.clock.advance(1min);
  rig.engine->crash("nginx", 1);
  rig.start_sources();
  rig.run_to(IncidentState::kClosed);
  rig.sources.reset();
  rig.start_sources();
  rig.engine->wait_for_followers(1);
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("a container that is not in the inventory is nobody's business") {
  SimContainer other;
  other.name = "other";
  SourcesRig rig(kDockerYml, other);
  rig.watched();
  rig.clock.advance(1s);
  rig.engine->crash("other", 1);
  rig.engine->crash("nginx", 1);
  rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
}

TEST_CASE("a container that is gone is not known to be well") {
  SourcesRig rig(kDockerYml);
  rig.watched();
  rig.clock.advance(1s);
  rig.engine->crash("nginx", 1);
  rig.run_to(IncidentState::kClosed);
  const auto history = [&] {
    return parse_target_history(*rig.memory->value("target/container/local/nginx").value()).value();
  };
  CHECK(history().healthy_since.has_value());
  std::promise<void> paused;
  rig.coordinator->pause({"p", "ann", "because", {}, std::nullopt},
                         [&](const Result<Pause>& /*pause*/) { paused.set_value(); });
  paused.get_future().wait();
  rig.engine->crash("nginx", 1);
  rig.run_to(IncidentState::kHeld);
  REQUIRE(rig.engine->remove("nginx", rig.clock.deadline_in(1s), {}));
  rig.run_to(IncidentState::kStale);
  CHECK(rig.newest().reason == "container_removed");
  CHECK_FALSE(history().healthy_since.has_value());
}

TEST_CASE("a schedule heals when its check has failed often enough, and ends when it passes") {
  SourcesRig rig(kScheduleYml);
  rig.engine->crash("nginx", 1);
  rig.run_to(IncidentState::kClosed);
  const Incident incident = rig.newest();
  CHECK(incident.name == "web-answers");
  CHECK(incident.playbook == "restart-container");
  CHECK(incident.failure_reason.find("connection refused") != std::string::npos);
  CHECK(incident.times.detected_at.value() - rig.timeline(incident.id).front().at == 0s);
  rig.run_until([&] { return rig.memory->unresolved_episodes()->empty(); });
  CHECK(rig.changes() == std::vector<SimEngineCall>{{"restart", rig.changes().front().container, "3s"}});
}

TEST_CASE("a schedule of a container that is not there is quiet until it is") {
  SourcesRig rig(kScheduleYml);
  const Labels labels = rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {})->labels;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.engine->remove("nginx", rig.clock.deadline_in(1s), {}).has_value());
  for (int i = 0; i < 5; ++i)
    rig.let_pass(30s);
  CHECK(rig.incidents().empty());
  rig.engine->create({"nginx", "nginx:1", labels});
  rig.run_until([&] { return !rig.incidents().empty(); });
  CHECK(rig.newest().name == "web-answers");
}

TEST_CASE("a schedule that is taken out of the file ends what it began") {
  SourcesRig rig(kScheduleYml);
  rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500, "sick"); });
  rig.run_to(IncidentState::kFailed);
  CHECK(rig.memory->unresolved_episodes()->size() == 1);
  auto without = std::make_shared<World>(*rig.world->get());
  without->bundle.config.schedules.clear();
  rig.world->set(without);
  REQUIRE(rig.sources->start().has_value());
  rig.await([&] { return rig.memory->unresolved_episodes()->empty(); });
}

TEST_CASE("of two open episodes of one schedule the second ends, and nobody says that the schedule is gone") {
  SourcesRig rig(kScheduleYml);
  rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500, "sick"); });
  rig.run_to(IncidentState::kFailed);
  rig.sources.reset();
  Episode second = rig.memory->unresolved_episodes()->front();
  second.key += "0";
  REQUIRE(rig.memory->commit({PutEpisode{second}}));
  rig.start_sources();
  rig.await([&] { return rig.memory->unresolved_episodes()->size() == 1; });
  CHECK(rig.timeline(second.incident_id).back().message ==
        "web-answers is over: schedule web-answers goes on with what it told as " +
            rig.memory->unresolved_episodes()->front().key);
}

TEST_CASE("an alert that no Alertmanager holds for three polls is over, though no resolved message came") {
  SourcesRig rig(kAbsenceYml);
  rig.engine->go_away();  // held: nothing is decided
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  rig.clock.wait_for_sleepers(1);
  const WallTime then = rig.clock.now();
  SECTION("forgotten") {
    rig.alertmanager->forget(alert.labels);
  }
  SECTION("silenced until it was over, so that nobody was told") {
    rig.silence(alert);
    rig.run_until([&] { return rig.clock.now() - then > 5min; });
    REQUIRE(rig.memory->unresolved_episodes()->size() == 1);
    rig.alertmanager->forget(alert.labels);
  }
  SECTION("restarted: it must be up for two resend intervals first") {
    rig.alertmanager->restart();
  }
  rig.run_to(IncidentState::kStale);
  CHECK(rig.newest().reason == "absent");
  CHECK(rig.clock.now() - then >= 90s);
  CHECK(rig.memory->unresolved_episodes()->empty());
}

TEST_CASE("an alert is not over while Alertmanager holds it or cannot be asked") {
  SourcesRig rig(kAbsenceYml);
  rig.engine->go_away();
  const Alert alert = rig.fire();
  REQUIRE(rig.post(Rig::group_of({alert})).has_value());
  const WallTime then = rig.clock.now();
  SECTION("held") {}
  SECTION("not reachable") {
    rig.alertmanager->set_status(make_error(ErrorCode::kUnavailable, "refused"));
  }
  rig.run_until([&] { return rig.clock.now() - then > 5min; });
  CHECK(rig.memory->unresolved_episodes()->size() == 1);
}

TEST_CASE("what began and ended by itself joins the open incident of its target, whatever the routes say") {
  SourcesRig rig(kAbsenceYml);
  rig.engine->go_away();
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.await([&] { return rig.newest().state == IncidentState::kHeld; });
  SourceEvent over;
  over.kind = SourceEvent::Kind::kOver;
  over.source = "docker";
  over.key = "docker:abc:die:now";
  over.name = "ContainerDied";
  over.starts_at = rig.clock.now();
  over.ends_at = rig.clock.now();
  over.target = TargetId{"container", "local", "nginx"};
  over.end_reason = "healed_by_docker";
  EventBatch batch;
  batch.source = "docker";
  batch.events.push_back(over);
  REQUIRE(rig.tell(batch).has_value());
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.newest().state == IncidentState::kHeld);
}

TEST_CASE("the ladder of a death that only Docker told goes on when the restarted container is still sick") {
  constexpr const char* kFirst = R"(version: 1
playbook: restart-container
mode: auto
steps: [{name: only, docker.restart: {grace: 1s}}]
verify: {within: 5s, consecutive: 1, all: [{check: health}]}
escalate: [start-it, page]
)";
  SourcesRig rig(kDockerYml, kFirst);
  rig.add_playbook(R"(version: 1
playbook: start-it
mode: auto
steps: [{name: only, docker.restart: {grace: 1s}}]
verify: {within: 5s, consecutive: 1, all: [{check: health}]}
)");
  rig.watched();
  rig.clock.advance(1s);
  rig.http.on("GET", "http://nginx/healthz", [](const HttpClientRequest&) { return HttpAnswer::of(500, "sick"); });
  rig.engine->crash("nginx", 1);
  rig.run_to(IncidentState::kEscalated);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.newest().attempt == 2);
  CHECK(rig.newest().playbook == "start-it");
  CHECK(rig.newest().reason == "not_verified");
}

}  // namespace
}  // namespace heal::remedy::test
