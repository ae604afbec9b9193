#include <fstream>

#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

Reply send(Service& service, const std::string& method, const std::string& path, const Json& body) {
  return service.send(method, path, dump(body));
}

TEST_CASE("pauses are listed, added and ended by name, and metrics tell them") {
  Service service;
  REQUIRE(service.start().has_value());
  CHECK(service.get_json("/api/v1/pauses") == Json{{"pauses", Json::array()}});
  CHECK(service.metric("heal_paused") == "0");
  const Reply added =
      service.post("/api/v1/pauses", R"({"name":"release","reason":"release 12","for":"1h","by":"ann"})");
  CHECK(added.status == 201);
  const Json pauses = service.get_json("/api/v1/pauses");
  REQUIRE(pauses["pauses"].size() == 1);
  CHECK(pauses["pauses"][0]["by"] == "ann");
  CHECK(pauses["pauses"][0]["until"] == format_rfc3339_nano(service.clock->now() + 1h));
  CHECK(service.metric("heal_paused") == "1");
  CHECK(service.metric(R"(heal_pause_info{name="release",by="ann",reason="release 12"})") == "1");
  CHECK(service.post("/api/v1/pauses", R"({"name":"release","reason":"mine","by":"bob"})").status == 409);
  CHECK(service.post("/api/v1/pauses", R"({"name":"x","reason":"","by":"bob"})").status == 400);
  CHECK(service.post("/api/v1/pauses", R"({"name":"x","reason":"y","for":"soon"})").status == 400);
  CHECK(send(service, "DELETE", "/api/v1/pauses/nobody", Json()).status == 404);
  const Reply ended = send(service, "DELETE", "/api/v1/pauses/release?by=ann", Json());
  CHECK(ended.status == 200);
  CHECK(service.get_json("/api/v1/pauses") == Json{{"pauses", Json::array()}});
}

TEST_CASE("the lever is engaged and released, and its file has the last word") {
  Service service;
  service.write("heal.yml", std::string(kHealYml) + "lever: {file: lever}\n");
  service.write("lever", "run\n");
  REQUIRE(service.start().has_value());
  CHECK(service.metric("heal_lever_engaged") == "0");
  CHECK(service.get_json("/api/v1/lever")["stops"] == false);
  CHECK(send(service, "PUT", "/api/v1/lever", {{"engaged", true}, {"by", "ann"}, {"reason", "fire"}}).status == 200);
  CHECK(service.get_json("/api/v1/lever")["lever"]["by"] == "ann");
  CHECK(service.get_json("/api/v1/lever")["stops"] == true);
  CHECK(service.metric("heal_lever_engaged") == "1");
  CHECK(send(service, "PUT", "/api/v1/lever", {{"engaged", false}, {"by", "ann"}}).status == 200);
  CHECK(service.get_json("/api/v1/lever")["stops"] == false);
  CHECK(send(service, "PUT", "/api/v1/lever", {{"engaged", "yes"}}).status == 400);
  service.write("lever", "stop\n");
  const Json lever = service.get_json("/api/v1/lever");
  CHECK(lever["stops"] == true);
  CHECK(lever["file"]["message"] == "says \"stop\"");
  CHECK(service.metric("heal_lever_engaged") == "1");
}

TEST_CASE("breakers are listed and reset") {
  Service service;
  REQUIRE(service.start().has_value());
  CHECK(service.metric(R"(heal_breakers_open{playbook="restart-container"})") == "0");
  for (int i = 0; i < 3; ++i) {
    service.clock->advance(1s);
    service.engine->crash("nginx", 1);
    REQUIRE(service.post("/webhook", service.notification()).status == 202);
    service.run_to(IncidentState::kClosed);
  }
  service.clock->advance(1s);
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  const std::string id = service.run_to(IncidentState::kHeld);
  const Json breakers = service.get_json("/api/v1/breakers");
  REQUIRE(breakers["breakers"].size() == 1);
  CHECK(breakers["breakers"][0]["incident"] == id);
  CHECK(service.metric(R"(heal_breakers_open{playbook="restart-container"})") == "1");
  CHECK(service.metric(R"(heal_breaker_state{playbook="restart-container",target="container/local/nginx"})") == "1");
  CHECK(service.post("/api/v1/breakers/reset", "{}").status == 400);
  CHECK(service.post("/api/v1/breakers/reset", R"({"target":"container/local/none"})").status == 404);
  CHECK(service.post("/api/v1/breakers/reset", R"({"all":true,"by":"ann","reason":"disk full"})").status == 200);
  CHECK(service.get_json("/api/v1/breakers") == Json{{"breakers", Json::array()}});
  CHECK(service.metric(R"(heal_breakers_open{playbook="restart-container"})") == "0");
}

}  // namespace
}  // namespace heal::webhook::test
