#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

const std::string kReloaded = "heal_webhook_config_last_reload_successful";

TEST_CASE("other machines are not served without credentials unless told so") {
  AppOptions options;
  options.listen = {"0.0.0.0:0"};
  SECTION("refused") {
    Service service(options);
    const Status status = service.start();
    REQUIRE(!status.has_value());
    CHECK(status.error().code() == ErrorCode::kRefused);
    CHECK(status.error().str() ==
          "other machines could reach this service without credentials: listen on 127.0.0.1, give "
          "--web.config.file with basic_auth_users or client certificates, or say --web.insecure");
  }
  SECTION("with credentials") {
    Service service(options);
    service.write("web.yml",
                  "basic_auth_users: {alice: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n");
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    CHECK(service.start().has_value());
  }
  SECTION("told to be insecure") {
    options.exposure = AppOptions::Exposure::kInsecure;
    Service service(options);
    REQUIRE(service.start().has_value());
    CHECK(service.get("/-/healthy").status == 200);
  }
}

TEST_CASE("a bad configuration at the start is an error that names the place") {
  Service service;
  service.write("heal.yml", std::string(kHealYml) + "rutes: []\n");
  const Status status = service.start();
  REQUIRE(!status.has_value());
  CHECK(status.error().code() == ErrorCode::kInvalid);
  CHECK(status.error().str().find("rutes") != std::string::npos);
}

TEST_CASE("a reload with a bad file keeps the old configuration, says why, and shows it in the gauge") {
  Service service;
  REQUIRE(service.start().has_value());
  CHECK(service.metric(kReloaded) == "1");
  service.write("playbooks/restart.yml", std::string(kRestart) + "stepz: []\n");
  const Reply refused = service.post("/-/reload", "");
  CHECK(refused.status == 500);
  INFO(refused.body);
  CHECK(refused.body.find("playbooks/restart.yml:14:1: unknown key \"stepz\"") != std::string::npos);
  CHECK(service.metric(kReloaded) == "0");
  CHECK(service.log().find("the old one stays in force") != std::string::npos);
  service.engine->crash("nginx", 1);
  CHECK(service.post("/webhook", service.notification()).status == 202);
  service.run_to(IncidentState::kRecovered);
  CHECK(service.restarts() == 1);

  service.write("playbooks/restart.yml", kRestart);
  CHECK(service.post("/-/reload", "").status == 200);
  CHECK(service.metric(kReloaded) == "1");
}

TEST_CASE("a reload takes new routes and playbooks at once") {
  Service service;
  REQUIRE(service.start().has_value());
  std::string shadow = kRestart;
  shadow.replace(shadow.find("mode: auto"), 10, "mode: shadow");
  service.write("playbooks/restart.yml", shadow);
  REQUIRE(service.app->reload().has_value());
  service.engine->crash("nginx", 1);
  CHECK(service.post("/webhook", service.notification()).status == 202);
  service.run_to(IncidentState::kClosed);
  CHECK(service.restarts() == 0);
}

TEST_CASE("roles of heal.yml decide what a user may do") {
  Service service;
  service.write("web.yml", "basic_auth_users: {alice: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n");
  service.options.web_config_file = (service.folder.path() / "web.yml").string();
  service.write("heal.yml", std::string(kHealYml) + "users: {alice: [view]}\n");
  REQUIRE(service.start().has_value());
  const std::string alice = "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n";
  CHECK(service.get("/api/v1/incidents", alice).status == 200);
  CHECK(service.post("/webhook", service.notification(), alice).status == 403);
  CHECK(service.post("/api/v1/heals", "{}", alice).status == 403);
  CHECK(service.post("/-/reload", "", alice).status == 403);
  CHECK(service.get("/health").status == 200);
}

TEST_CASE("a stop lets the running step end, and what is left is taken up by the next start") {
  AppOptions options;
  options.stop_grace = 0s;
  Service service(options);
  REQUIRE(service.start().has_value());
  service.engine->set_delay("restart", 10s);
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  service.run_until([&] { return service.restarts() == 1; });
  service.app->stop();
  service.engine->set_delay("restart", 0s);
  REQUIRE(service.start().has_value());
  const std::string id = service.run_to(IncidentState::kClosed);
  CHECK(service.memory->incidents({}).value().size() == 1);
  CHECK(service.memory->open_steps()->empty());
  CHECK(service.get_json("/api/v1/incidents/" + id)["incident"]["state"] == "closed");
}

}  // namespace
}  // namespace heal::webhook::test
