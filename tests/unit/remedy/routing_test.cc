#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

constexpr const char* kHead = R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
alertmanagers:
  - {url: "http://alertmanager:9093"}
defaults:
  route: {playbook: restart-container, target: "container/local/{{ labels.container }}"}
routes:
)";

SimContainer labelled(const std::string& name) {
  SimContainer container;
  container.name = name;
  container.labels = {{"heal.enable", "true"}};
  return container;
}

std::vector<std::string> targets_of(const std::vector<Incident>& incidents) {
  std::vector<std::string> out;
  for (const auto& incident : incidents)
    out.push_back(incident.target ? incident.target->str() : "");
  std::sort(out.begin(), out.end());
  return out;
}

TEST_CASE("every route that takes an alert acts on its own target, and each incident ends with the alert") {
  Rig rig(kRestartPlaybook, std::string(kHead) + R"(
  - {match: ['alertname="NginxDown"'], continue: true}
  - {match: ['alertname="NginxDown"'], target: container/local/proxy, continue: true}
  - {match: ['container="nginx"'], target: container/local/cache}
  - {match: []}
)");
  rig.engine->add(labelled("proxy"));
  rig.engine->add(labelled("cache"));
  rig.engine->go_away();  // held: nothing is decided
  const Alert alert = rig.fire();
  const auto reply = rig.post(Rig::group_of({alert}));
  REQUIRE(reply.has_value());
  CHECK(reply->accepted == 1);
  CHECK(reply->incidents.size() == 3);
  CHECK(targets_of(rig.incidents()) ==
        std::vector<std::string>{"container/local/cache", "container/local/nginx", "container/local/proxy"});
  CHECK(*rig.post(Rig::group_of({alert})) == IngestReply{0, 1, {reply->incidents.front()}});

  CHECK(rig.post(Rig::group_of({rig.resolve(alert)}))->accepted == 1);
  for (const auto& incident : rig.incidents()) {
    CHECK(incident.state == IncidentState::kStale);
    CHECK(incident.reason == "alert_resolved");
  }
  CHECK(rig.memory->unresolved_episodes()->empty());
}

TEST_CASE("a further route to a target that is taken care of joins it: one incident per target") {
  Rig rig(kRestartPlaybook, std::string(kHead) + R"(
  - {match: ['alertname="NginxDown"'], continue: true}
  - {match: ['container="nginx"']}
)");
  rig.engine->crash("nginx", 1);
  const auto reply = rig.post(Rig::group_of({rig.fire()}));
  REQUIRE(reply.has_value());
  CHECK(reply->incidents.size() == 1);
  CHECK(rig.run_to(IncidentState::kClosed).episode_keys.size() == 1);
  CHECK(rig.incidents().size() == 1);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("an alert that no route takes is an incident that says why each route did not match") {
  Rig rig(kRestartPlaybook, std::string(kHead) + R"(
  - {match: ['alertname="Other"']}
  - {match: ['severity="page"', 'container="nginx"']}
)");
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const Incident incident = rig.newest();
  CHECK(incident.state == IncidentState::kUnmatched);
  CHECK(incident.reason == "no_route");
  CHECK(incident.message == "no route of heal.yml matches this alert");
  const auto story = rig.timeline(incident.id);
  CHECK(parse_json(story.at(1).data).value()["routes"] ==
        Json{R"(heal.yml:10:5: alertname="Other" does not match (alertname is "NginxDown"))",
             R"(heal.yml:11:5: severity="page" does not match (the alert has no such label))"});
}

TEST_CASE("a route without a target is of no use to an alert, which does not know its own") {
  Rig rig(kRestartPlaybook, R"(version: 1
engines:
  local: {unix: /var/run/docker.sock}
routes:
  - {match: [], playbook: restart-container}
)");
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  CHECK(rig.newest().state == IncidentState::kUnmatched);
  CHECK(rig.newest().message ==
        "the route names no target: the route at heal.yml:5:5 has no \"target\", and the event does not know its own");
}

TEST_CASE("an alert that several routes took and that fires again after one heal begins anew on that target alone") {
  Rig rig(kRestartPlaybook, std::string(kHead) + R"(
  - {match: ['alertname="NginxDown"'], continue: true}
  - {match: ['alertname="NginxDown"'], target: container/local/proxy}
)");
  rig.engine->add(labelled("proxy"));
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const auto on_nginx = [&]() -> std::vector<Incident> {
    IncidentQuery query;
    query.target = "container/local/nginx";
    return rig.memory->incidents(query).value();
  };
  rig.run_until([&] { return on_nginx().front().state == IncidentState::kRecovered; });
  rig.engine->crash("nginx", 1);
  Alert again = rig.fire();
  again.starts_at = *on_nginx().front().times.verified_at + 1ms;
  REQUIRE(rig.post(Rig::group_of({again})).has_value());
  rig.run_until([&] { return on_nginx().size() == 2; });
  CHECK(on_nginx().back().reason == "relapsed");
  CHECK(on_nginx().front().episode_keys == std::vector{episode_key(again)});
}

}  // namespace
}  // namespace heal::remedy::test
