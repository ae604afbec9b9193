#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

/// alice, "open sesame", cost 4.
const std::string kAliceWeb =
    "basic_auth_users: {alice: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n";
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
    service.write("web.yml", kAliceWeb);
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

TEST_CASE("a passed socket that other machines can reach is not served on without credentials either") {
  AppOptions options;  // whose listen address is this machine's alone
  options.passed = {{-1, "[::]:9095"}};
  Service service(options);
  CHECK(service.start().error().code() == ErrorCode::kRefused);
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

TEST_CASE("a service that other machines reach is never opened by a change of its files") {
  AppOptions options;
  options.listen = {"0.0.0.0:0"};
  Service service(options);
  service.options.web_config_file = (service.folder.path() / "web.yml").string();
  service.write("web.yml", kAliceWeb);
  REQUIRE(service.start().has_value());
  service.write("web.yml", "");
  CHECK(service.get("/api/v1/status").status == 401);
  CHECK(service.log().find("web configuration not reloaded") != std::string::npos);
  const Status reloaded = service.app->reload();
  REQUIRE(!reloaded.has_value());
  CHECK(reloaded.error().str() ==
        service.options.web_config_file +
            ": other machines could reach this service without credentials: listen on 127.0.0.1, give "
            "--web.config.file with basic_auth_users or client certificates, or say --web.insecure");
  CHECK(service.get("/api/v1/status").status == 401);
  CHECK(service.get("/api/v1/status", kAlice).status == 200);
}

TEST_CASE("a reload takes all files or none") {
  Service service;
  service.options.web_config_file = (service.folder.path() / "web.yml").string();
  service.write("web.yml", kAliceWeb);
  REQUIRE(service.start().has_value());
  SECTION("a bad heal.yml leaves web.config.yml alone") {
    service.write("heal.yml", std::string(kHealYml) + "rutes: []\n");
    service.write("web.yml", "{}\n");
    CHECK(!service.app->reload().has_value());
    CHECK(service.get("/api/v1/status").status == 401);
    service.write("heal.yml", kHealYml);
    REQUIRE(service.app->reload().has_value());
    CHECK(service.get("/api/v1/status").status == 200);
  }
  SECTION("a bad web.config.yml leaves heal.yml alone") {
    std::string other = kHealYml;
    other.replace(other.find("NginxDown"), 9, "RedisDown");
    service.write("heal.yml", other);
    service.write("web.yml", "basic_auth_users: {alice: plain}\n");
    CHECK(!service.app->reload().has_value());
    service.engine->crash("nginx", 1);
    CHECK(service.post("/webhook", service.notification(), kAlice).status == 202);
    service.run_until([&] { return service.restarts() == 1; });
  }
}

TEST_CASE("roles without passwords would be void: such a service does not start, and a reload refuses them") {
  const std::string roles = "users: {alice: [view]}\n";
  const std::string refusal =
      "heal.yml gives roles to users, but nobody is asked for a name and password: give --web.config.file with "
      "basic_auth_users, or take `users` out of heal.yml";
  Service service;
  SECTION("at the start") {
    service.write("heal.yml", kHealYml + roles);
    CHECK(service.start().error().str() == refusal);
  }
  SECTION("at a reload") {
    REQUIRE(service.start().has_value());
    service.write("heal.yml", kHealYml + roles);
    CHECK(service.app->reload().error().str() == refusal);
    CHECK(service.get("/api/v1/status").status == 200);
  }
  SECTION("when the passwords go away") {
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    service.write("web.yml", kAliceWeb);
    service.write("heal.yml", kHealYml + roles);
    REQUIRE(service.start().has_value());
    service.write("web.yml", "{}\n");
    CHECK(service.app->reload().error().str() == service.options.web_config_file + ": " + refusal);
    CHECK(service.get("/api/v1/status").status == 401);
    service.write("heal.yml", kHealYml);
    REQUIRE(service.app->reload().has_value());
    CHECK(service.get("/api/v1/status").status == 200);
  }
}

TEST_CASE("a reload takes the longest time of a fault, and says which settings need a restart") {
  Service service;
  REQUIRE(service.start().has_value());
  std::string anew = kHealYml;
  anew.replace(anew.find("{enabled: true}"), 15, "{enabled: true, max_ttl: 5s, helper_image: helper}");
  service.write("heal.yml", anew + "workers: 7\n");
  const Reply reloaded = service.post("/-/reload", "");
  CHECK(reloaded.status == 200);
  CHECK(reloaded.body ==
        "Reloaded\n"
        "warning: workers: 7 needs a restart; 4 are at work\n"
        "warning: faults.helper_image: \"helper\" needs a restart; \"\" is in use\n");
  CHECK(service.log().find("workers: 7 needs a restart; 4 are at work") != std::string::npos);
  const Reply refused =
      service.post("/api/v1/faults", R"({"target": "container/local/nginx", "fault": "pause", "for": "6s"})");
  CHECK(refused.body.find("a fault may last from 1ms to 5s, not 6s") != std::string::npos);
  const Reply broken = service.post("/api/v1/faults", R"({"target": "container/local/nginx", "fault": "pause"})");
  CHECK(broken.status == 201);

  service.write("heal.yml", kHealYml);
  CHECK(service.post("/-/reload", "").body == "Reloaded\n");
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

TEST_CASE("a dns check is answered by the name servers of the service's network") {
  Service service;
  std::string playbook = kRestart;
  const std::string asked = "{container: running}";
  playbook.replace(playbook.find(asked), asked.size(), "{check: dns, name: nginx.example.net, server: '10.0.0.53:53'}");
  service.write("playbooks/restart.yml", playbook);
  service.dns->answer({"10.0.0.53:53", "nginx.example.net", "A"}, {"NOERROR", {"10.1.0.7"}});
  REQUIRE(service.start().has_value());
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  service.run_to(IncidentState::kClosed);
}

TEST_CASE("what a person rejected is asked for again under other files only, whatever is started again") {
  Service service;
  std::string ask_first = kRestart;
  ask_first.replace(ask_first.find("mode: auto"), 10, "mode: approve");
  service.write("playbooks/restart.yml", ask_first);
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  const std::string notification = service.notification();
  REQUIRE(service.post("/webhook", notification).status == 202);
  const std::string id = service.run_to(IncidentState::kAwaitingApproval);
  REQUIRE(service.post("/api/v1/incidents/" + id + "/reject", R"({"reason": "not now"})").status == 202);
  const auto is_asked_again = [&] { return body_of(service.post("/webhook", notification)).at("duplicates") == 0; };
  REQUIRE_FALSE(is_asked_again());
  const auto begin_again = [&] {
    service.clock->advance(1min);
    const bool is_reload = GENERATE(true, false);
    if (is_reload) return service.app->reload();
    service.app->stop();
    return service.start();
  };
  SECTION("the same files") {
    REQUIRE(begin_again().has_value());
    CHECK_FALSE(is_asked_again());
  }
  SECTION("another heal.yml") {
    service.write("heal.yml", std::string(kHealYml) + "# another\n");
    REQUIRE(begin_again().has_value());
    CHECK(is_asked_again());
  }
  SECTION("another playbook") {
    service.write("playbooks/restart.yml", ask_first + "# another\n");
    REQUIRE(begin_again().has_value());
    CHECK(is_asked_again());
  }
  SECTION("files that were refused") {
    service.write("heal.yml", std::string(kHealYml) + "rutes: []\n");
    CHECK_FALSE(service.app->reload().has_value());
    service.write("heal.yml", kHealYml);
    REQUIRE(begin_again().has_value());
    CHECK_FALSE(is_asked_again());
  }
}

TEST_CASE("an alert that no route matched is looked at again after a reload or a start: the world may be another") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::string other = service.notification([](Json& message) {
    message["alerts"][0]["labels"]["alertname"] = "DiskFull";
    message["alerts"][0].erase("fingerprint");
  });
  const auto is_answered_anew = [&] { return body_of(service.post("/webhook", other)).at("duplicates") == 0; };
  REQUIRE(is_answered_anew());
  CHECK_FALSE(is_answered_anew());
  service.clock->advance(1min);
  const bool is_reload = GENERATE(true, false);
  if (is_reload) {
    REQUIRE(service.app->reload().has_value());
  } else {
    service.app->stop();
    REQUIRE(service.start().has_value());
  }
  CHECK(is_answered_anew());
  CHECK_FALSE(is_answered_anew());
}

TEST_CASE("a reload that comes while the service stops ends with it, and brings nothing up again") {
  Service service;
  REQUIRE(service.start().has_value());
  std::atomic<int> reloads{0};
  Status last;
  std::thread reloading([&] {
    do {
      last = service.app->reload();
      ++reloads;
    } while (last.has_value());
  });
  service.await([&] { return reloads > 0; });
  service.app->stop();
  reloading.join();
  CHECK(last.error().str() == "the service is stopping");
}

std::string label_of(std::string_view line, const std::string& name) {
  const auto begin = line.find(name + "=\"") + name.size() + 2;
  return std::string(line.substr(begin, line.find('"', begin) - begin));
}

/// What `pick` makes of the lines of a family.
std::set<std::string> members_of(Service& service, const std::string& family,
                                 const std::function<std::string(std::string_view)>& pick) {
  std::set<std::string> out;
  const std::string page = service.app->metrics_text();
  for (const auto line : split(page, '\n')) {
    if (line.starts_with(family + "{")) out.insert(pick(line));
  }
  return out;
}

/// `playbook step` of each member of a family.
std::set<std::string> steps_of(Service& service, const std::string& family) {
  return members_of(service, family,
                    [](std::string_view line) { return label_of(line, "playbook") + " " + label_of(line, "step"); });
}

TEST_CASE(
    "a playbook has metrics of the kinds of step that it has from the start, and of no others, also after a reload") {
  Service service;
  service.write("playbooks/restart.yml", std::string(kRestart) + R"(
escalate: [tell]
on_resolved: {steps: [{name: unpause, docker.unpause: {}}]}
)");
  const std::string tell =
      "version: 1\nplaybook: tell\nsteps: [{name: s, docker.pause: {}, undo: inverse}]\nverify: {all: [{check: "
      "health}]}\n";
  service.write("playbooks/tell.yml", tell);
  REQUIRE(service.start().has_value());
  std::set<std::string> kinds{"restart-container docker.restart", "restart-container docker.unpause",
                              "tell docker.pause", "tell docker.unpause"};
  CHECK(steps_of(service, "heal_actions_total") == kinds);
  CHECK(steps_of(service, "heal_action_duration_seconds_count") == kinds);
  CHECK(service.metric(R"(heal_actions_total{outcome="skipped",playbook="tell",step="docker.pause"})") == "0");

  std::string other = tell;
  other.replace(other.find("docker.pause"), 12, "docker.stop");
  service.write("playbooks/tell.yml", other);
  REQUIRE(service.app->reload().has_value());
  kinds.insert({"tell docker.stop", "tell docker.start"});  // and what was there stays
  CHECK(steps_of(service, "heal_actions_total") == kinds);
  CHECK(steps_of(service, "heal_action_duration_seconds_count") == kinds);
}

std::set<std::string> values_of(Service& service, const std::string& family, const std::string& label) {
  return members_of(service, family, [&](std::string_view line) { return label_of(line, label); });
}

TEST_CASE("every source, every result of its events and every outcome of a step is there from the start") {
  Service service;
  REQUIRE(service.start().has_value());
  const std::set<std::string> sources{"alertmanager", "grafana", "azure-monitor", "sns",
                                      "eventbridge",  "docker",  "schedule",      "manual"};
  const std::set<std::string> results{"accepted",      "resolved",  "duplicate",  "late_resolve",
                                      "late_evidence", "heartbeat", "own_action", "over",
                                      "ignored",       "rejected",  "store_error"};
  CHECK(values_of(service, "heal_events_received_total", "source") == sources);
  CHECK(values_of(service, "heal_events_received_total", "result") == results);
  for (const auto& source : sources) {
    CHECK(service.metric("heal_events_duplicate_total{source=\"" + source + "\"}") == "0");
    for (const auto& result : results) {
      CAPTURE(source, result);
      CHECK(service.metric("heal_events_received_total{result=\"" + result + "\",source=\"" + source + "\"}") == "0");
    }
  }
  CHECK(values_of(service, "heal_actions_total", "outcome") == std::set<std::string>{"verified", "ran_unverified",
                                                                                     "undone", "failed", "timeout",
                                                                                     "unknown", "refused", "skipped"});
}

TEST_CASE("roles of heal.yml decide what a user may do") {
  Service service;
  service.write("web.yml", kAliceWeb);
  service.options.web_config_file = (service.folder.path() / "web.yml").string();
  service.write("heal.yml", std::string(kHealYml) + "users: {alice: [view]}\n");
  REQUIRE(service.start().has_value());
  CHECK(service.get("/api/v1/incidents", kAlice).status == 200);
  CHECK(service.post("/webhook", service.notification(), kAlice).status == 403);
  CHECK(service.post("/api/v1/heals", "{}", kAlice).status == 403);
  CHECK(service.post("/-/reload", "", kAlice).status == 403);
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
