#include "common/wire/incident_json.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"

namespace heal {
namespace {

WallTime at(std::int64_t seconds, std::int64_t nanos = 0) {
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
}

Incident full_incident() {
  Incident incident;
  incident.id = "01HZX";
  incident.target = TargetId{"container", "local", "web"};
  incident.name = "NginxDown";
  incident.type = "HEALTH_CHECK_FAILURE";
  incident.state = IncidentState::kRecovered;
  incident.reason = "verified";
  incident.message = "health check passed twice";
  incident.playbook = "restart-container";
  incident.plan_hash = "ab12";
  incident.attempt = 1;
  incident.times = {at(100), at(102, 500'000'000), at(103), at(104), at(107, 1), std::nullopt, std::nullopt};
  incident.episode_keys = {"am:1:2", "am:3:4"};
  incident.requested_by = "ops";
  incident.drill = "01HFAULT";
  incident.exit_code = 137;
  incident.failure_reason = "exit code 137 (SIGKILL), out of memory";
  return incident;
}

TEST_CASE("an incident is shown with its times and what they tell") {
  CHECK(
      dump(to_json(full_incident())) ==
      R"({"attempt":1,"drill":"01HFAULT","episodes":["am:1:2","am:3:4"],"exit_code":137,)"
      R"("failure_reason":"exit code 137 (SIGKILL), out of memory","id":"01HZX","message":"health check passed twice",)"
      R"("mttd_seconds":2.5,"mttr_seconds":4.500000001,"name":"NginxDown","plan_hash":"ab12",)"
      R"("playbook":"restart-container","reason":"verified","requested_by":"ops","state":"recovered",)"
      R"("target":"container/local/web","times":{"acted_at":"1970-01-01T00:01:44Z","closed_at":null,)"
      R"("decided_at":"1970-01-01T00:01:43Z","detected_at":"1970-01-01T00:01:42.5Z",)"
      R"("failed_at":"1970-01-01T00:01:40Z","resolved_at":null,"verified_at":"1970-01-01T00:01:47.000000001Z"},)"
      R"("type":"HEALTH_CHECK_FAILURE"})");
}

TEST_CASE("an incident of which nothing is known yet has nulls, not invented times") {
  const Json json = to_json(Incident{});
  CHECK(json["target"].is_null());
  CHECK(json["exit_code"].is_null());
  CHECK(json["mttd_seconds"].is_null());
  CHECK(json["mttr_seconds"].is_null());
  CHECK(json["times"]["failed_at"].is_null());
}

TEST_CASE("incidents, episodes, entries and leases come back as they were") {
  const Incident incident = full_incident();
  CHECK(incident_from_json(to_json(incident)).value() == incident);
  CHECK(incident_from_json(to_json(Incident{})).value() == Incident{});

  Episode episode;
  episode.key = "am:0011223344556677:2030-01-02T03:04:05.123456789Z";
  episode.source = "alertmanager";
  episode.name = "NginxDown";
  episode.labels = {{"alertname", "NginxDown"}, {"quote", "a\"b\n\xC3\xA4"}};
  episode.annotations = {{"summary", "down"}};
  episode.starts_at = at(1, 123456789);
  episode.received_at = at(2);
  episode.resolved_at = at(3);
  episode.incident_id = "01HZX";
  episode.generator_url = "http://p/graph";
  episode.alertmanager_url = "http://am";
  CHECK(episode_from_json(to_json(episode)).value() == episode);

  const TimelineEntry entry{7, at(5, 6), "01HZX", "decision", "allowed", R"({"guards":[1,2]})"};
  CHECK(entry_from_json(to_json(entry)).value() == entry);

  const FaultLease lease{"01F",
                         "pause",
                         {"container", "local", "web"},
                         FaultLease::State::kRevertFailed,
                         at(1),
                         at(61),
                         "ops",
                         "",
                         "",
                         "engine not reachable",
                         true,
                         at(30)};
  CHECK(lease_from_json(to_json(lease)).value() == lease);
}

TEST_CASE("a user does not see the undo recipe of a lease") {
  FaultLease lease{"01F", "stop", {"container", "local", "web"}, {}, at(1), at(61), "ops", "{}", "{}", ""};
  CHECK(
      dump(to_json(lease)) ==
      R"({"deadline":"1970-01-01T00:01:01Z","error":"","fault":"stop","id":"01F","injected_at":"1970-01-01T00:00:01Z",)"
      R"("owner":"ops","pages":false,"reverted_at":null,"state":"intended","target":"container/local/web"})");
}

TEST_CASE("entry data that is not an object is shown as text") {
  CHECK(to_json(TimelineEntry{1, at(0), "", "start", "", "not json"})["data"] == Json{{"text", "not json"}});
}

TEST_CASE("what is wrong in a document is named with its place") {
  struct Case {
    const char* name;
    Json patch;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"missing id", {{"id", nullptr}}, "/i/id: expected a string, got nothing"},
      {"unknown state", {{"state", "odd"}}, "/i/state: unknown state \"odd\""},
      {"bad target", {{"target", "x"}}, "/i/target: "},
      {"bad episode", {{"episodes", {1}}}, "/i/episodes/0: expected a string, got number"},
      {"negative attempt", {{"attempt", -1}}, "/i/attempt: expected a number that is not negative"},
  }));
  CAPTURE(c.name);
  Json json = to_json(full_incident());
  json.merge_patch(c.patch);
  const auto result = incident_from_json(json, "/i");
  REQUIRE_FALSE(result.has_value());
  CHECK_THAT(result.error().str(), Catch::StartsWith(c.message));
}

}  // namespace
}  // namespace heal
