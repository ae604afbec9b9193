// Steps that touch more than the plan names: Compose's siblings, and containers that are made anew.
#include <algorithm>

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

const std::string kSibling = "container/local/cache";

const char* const kStopAll = R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: stop
    compose.stop: {project: shop, grace: 1s}
  - name: start
    compose.start: {project: shop}
  - name: restart
    docker.restart: {grace: 1s}
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
stay_healthy: 10s
)";

const std::string kRoutes =
    std::string(kHealYml) + "  - match: ['source=\"docker\"']\n    playbook: restart-container\n";

void add_sibling(Rig& rig) {
  rig.engine->add(
      {.name = "cache",
       .labels = {
           {"heal.enable", "true"}, {"com.docker.compose.project", "shop"}, {"com.docker.compose.service", "cache"}}});
  rig.engine->forget_calls();
}

/// What Docker's source says of a container that ended.
EventBatch death_of(Rig& rig, const std::string& container) {
  SourceEvent event;
  event.source = "docker";
  event.key = "docker:local:" + container + ":" + format_rfc3339_nano(rig.clock.now());
  event.name = "ContainerStopped";
  event.target = TargetId{"container", "local", container};
  const auto found = rig.engine->inspect(container, rig.clock.deadline_in(1s), {});
  event.labels = {{"alertname", "ContainerStopped"},
                  {"container", container},
                  {"container_id", found.has_value() ? found->id : ""},
                  {"source", "docker"}};
  event.starts_at = rig.clock.now();
  EventBatch batch;
  batch.source = "docker";
  batch.events.push_back(std::move(event));
  return batch;
}

TEST_CASE("what a step does to the siblings of its target is its own doing, and nobody else's trouble") {
  // Also where nothing that Docker tells is healed.
  const std::string heal_yml = GENERATE(as<std::string>(), kRoutes, std::string(kHealYml));
  Rig rig(kStopAll, heal_yml);
  add_sibling(rig);
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.run_until([&] {
    const auto calls = rig.changes();
    return std::any_of(calls.begin(), calls.end(), [](const auto& call) { return call.verb == "stop"; });
  });
  REQUIRE(rig.tell(death_of(rig, "cache")).has_value());
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(rig.incidents().size() == 1);
  const auto kinds = rig.kinds(healed.id);
  CHECK(std::count(kinds.begin(), kinds.end(), "own_action") == 1);
}

TEST_CASE("what dies by itself before a step of the playbook has touched it is a failure, and is healed afterwards") {
  Rig rig(R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: wait
    wait.tcp: {address: "127.0.0.1:1", interval: 1s}
    timeout: 30s
  - name: also
    docker.start: {}
    target: container/local/cache
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
)",
          std::string(kHealYml) + "  - match: ['source=\"docker\"']\n    playbook: revive\n");
  rig.add_playbook(R"(version: 1
playbook: revive
mode: auto
steps:
  - name: start
    docker.start: {}
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
stay_healthy: 10s
)");
  add_sibling(rig);
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const std::string first = rig.newest().id;
  rig.run_until([&] { return rig.newest().state == IncidentState::kExecuting; });
  rig.engine->crash("cache", 137);
  REQUIRE(rig.tell(death_of(rig, "cache")).has_value());
  const auto kinds = rig.kinds(first);
  CHECK(std::count(kinds.begin(), kinds.end(), "own_action") == 0);
  REQUIRE(rig.incidents().size() == 2);
  rig.engine->forget_calls();
  Incident revived;
  rig.run_until([&] {
    for (const Incident& incident : rig.incidents()) {
      if (incident.id != first) revived = incident;
    }
    return is_terminal(revived.state);
  });
  CHECK(revived.target == TargetId::parse(kSibling).value());
  CHECK(revived.reason == "stayed_healthy");
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("a step that would touch what another incident has in its hands is not begun") {
  Rig rig(kStopAll);
  add_sibling(rig);
  rig.add_playbook(R"(version: 1
playbook: slow
mode: auto
steps:
  - name: wait
    wait.tcp: {address: "127.0.0.1:1", interval: 1s}
    timeout: 10m
  - name: restart
    docker.restart: {}
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
)");
  HealRequest request;
  request.playbook = "slow";
  request.target = TargetId::parse(kSibling).value();
  request.by = "ada";
  REQUIRE(rig.heal(request)->kind == HealAnswer::Kind::kStarted);
  const std::string first = rig.newest().id;
  rig.engine->crash("nginx", 1);
  rig.engine->forget_calls();
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  std::string message;
  rig.run_until([&] {
    for (const Incident& incident : rig.incidents()) {
      if (incident.id != first && incident.state == IncidentState::kFailed) message = incident.message;
    }
    return !message.empty();
  });
  CHECK(message == "step stop failed: " + kSibling + " is held by incident " + first);
  CHECK(rig.changes().empty());
}

TEST_CASE("a further try of a step on several containers leaves alone those that the first one restarted") {
  Rig rig(R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: all
    compose.restart: {project: shop, grace: 1s}
    retry: {attempts: 2, backoff: 1s}
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
stay_healthy: 10s
)");
  add_sibling(rig);
  rig.engine->add(
      {.name = "queue",
       .labels = {
           {"heal.enable", "true"}, {"com.docker.compose.project", "shop"}, {"com.docker.compose.service", "queue"}}});
  rig.engine->crash("nginx", 1);
  rig.clock.advance(1s);
  rig.engine->forget_calls();
  rig.engine->fail_next("restart", make_error(ErrorCode::kInternal, "the port is taken"));
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.run_until([&] { return rig.newest().state == IncidentState::kVerifying || is_terminal(rig.newest().state); });
  std::vector<std::string> restarted;
  for (const auto& call : rig.changes())
    restarted.push_back(rig.engine->inspect(call.container, rig.clock.deadline_in(1s), {})->name);
  CHECK(restarted == std::vector<std::string>{"cache", "queue", "cache"});
}

TEST_CASE("a container that was made anew although its answer was lost is the one that later steps act on") {
  Rig rig(R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: anew
    docker.recreate: {grace: 1s}
  - name: again
    docker.restart: {grace: 1s}
verify: {within: 30s, consecutive: 1, all: [{container: running}]}
stay_healthy: 10s
)");
  rig.engine->crash("nginx", 1);
  rig.engine->lose_answer_of_next("start", make_error(ErrorCode::kTimeout, "timed out"));
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.run_to(IncidentState::kClosed);
  const auto calls = rig.changes();
  const auto now = rig.engine->inspect("nginx", rig.clock.deadline_in(1s), {});
  REQUIRE(now.has_value());
  REQUIRE_FALSE(calls.empty());
  CHECK(calls.back().verb == "restart");
  CHECK(calls.back().container == now->id);
}

}  // namespace
}  // namespace heal::remedy::test
