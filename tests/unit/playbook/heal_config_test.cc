#include "common/playbook/heal_config.h"

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "heal_test_paths.h"

namespace heal::playbook {
namespace {

HealConfig parse_config(const std::string& text) {
  config::Diagnostics diagnostics;
  auto config = parse_heal_config(text, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  return std::move(*config);
}

std::string problems(const std::string& text) {
  config::Diagnostics diagnostics;
  parse_heal_config(text, "heal.yml", diagnostics);
  return diagnostics.render();
}

TEST_CASE("an empty configuration has only safe defaults") {
  HealConfig expected;
  expected.file = "heal.yml";
  const auto config = parse_config("version: 1\n");
  REQUIRE(config == expected);
  REQUIRE(config.guards.cooldown == CooldownGuard{GuardSwitch::kOn, 5min, OnError::kBlock});
  REQUIRE(config.guards.budget == BudgetGuard{GuardSwitch::kOn, 3, 1h, 1h, OnError::kBlock});
  REQUIRE(config.guards.fresh_evidence == FreshEvidenceGuard{GuardSwitch::kOn, 5s, OnError::kBlock});
  REQUIRE(config.guards.flap == FlapGuard{GuardSwitch::kOn, 5, 6h, OnError::kBlock});
  REQUIRE(config.guards.in_flight == InFlightGuard{GuardSwitch::kOn, 1, 10, OnError::kBlock});
  REQUIRE(config.guards.population == PopulationGuard{GuardSwitch::kOn, Template(), 50, 1, 5s, OnError::kBlock});
  REQUIRE(config.guards.blocking_alerts == BlockingAlertsGuard{GuardSwitch::kOn, {}, 5s, OnError::kBlock});
  REQUIRE(config.safety.storm == StormBrake{GuardSwitch::kOn, 10, 1min, 5min});
  REQUIRE_FALSE(config.faults.enabled);
  REQUIRE(config.allow == AllowLists{});
}

TEST_CASE("a guard is off only when it says so") {
  const auto config = parse_config(R"(
version: 1
defaults:
  guards:
    cooldown: off
    budget: {window: 10m}
    fresh_evidence: {on_error: allow}
)");
  REQUIRE(config.guards.cooldown == CooldownGuard{GuardSwitch::kOff, 5min, OnError::kBlock});
  REQUIRE(config.guards.budget == BudgetGuard{GuardSwitch::kOn, 3, 10min, 1h, OnError::kBlock});
  REQUIRE(config.guards.fresh_evidence == FreshEvidenceGuard{GuardSwitch::kOn, 5s, OnError::kAllow});
}

TEST_CASE("what is printed can be read again and means the same") {
  const std::string path = std::string(HEAL_SOURCE_DIR) + "/tests/golden/playbook/examples/heal.yml";
  auto config = parse_config(config::read_text_file(path).value());
  auto again = parse_config(print_config(config));
  REQUIRE(again.routes.size() == config.routes.size());
  for (std::size_t i = 0; i < again.routes.size(); ++i) {  // only the places differ
    again.routes[i].span = config.routes[i].span;
    again.routes[i].playbook_span = config.routes[i].playbook_span;
    again.routes[i].target_span = config.routes[i].target_span;
    again.routes[i].param_spans = config.routes[i].param_spans;
  }
  REQUIRE(again.named_files.size() == config.named_files.size());
  for (std::size_t i = 0; i < again.named_files.size(); ++i)
    again.named_files[i].span = config.named_files[i].span;
  again.playbooks_span = config.playbooks_span;
  REQUIRE(again == config);
}

TEST_CASE("a secret is never printed") {
  const auto config =
      parse_config("version: 1\nprometheus: {url: 'http://p:9090', basic_auth: {username: u, password: hunter2}}\n");
  REQUIRE(config.prometheus->basic_auth->password.value == "hunter2");
  const auto printed = print_config(config);
  REQUIRE(printed.find("hunter2") == std::string::npos);
  REQUIRE(printed.find("password: <secret>") != std::string::npos);
  const auto reached = print_config(parse_config(
      "version: 1\ninventory: {targets: [{target: service/a, health: 'http://a/h?key=hunter2', labels: {tier: x, "
      "ansible_password: hunter2, ansible_become_pass: hunter2}}]}\n"));
  REQUIRE(reached.find("hunter2") == std::string::npos);
  REQUIRE(reached.find(R"(labels: {"ansible_become_pass": <secret>, "ansible_password": <secret>, "tier": "x"})") !=
          std::string::npos);
  REQUIRE(problems("version: 1\nprometheus: {url: 'http://u:hunter2@p'}\n").find("not a URL that can be used") !=
          std::string::npos);
}

TEST_CASE("one wrong line of heal.yml gives the place, the reason and a suggestion") {
  REQUIRE(problems("version: 1\nworkers: 4\nrotues: []\n") ==
          "heal.yml:3:1: error: unknown key \"rotues\" in heal.yml\n"
          "    rotues: []\n"
          "    ^\n"
          "hint: did you mean \"routes\"?\n");
}

TEST_CASE("anchors and merge keys may be used to say things once") {
  const auto config = parse_config(R"(
version: 1
engines: {local: {unix: /s}}
inventory:
  targets:
    - &web {target: container/local/web-1, group: web, simulate: allow}
    - {<<: *web, target: container/local/web-2}
)");
  REQUIRE(config.inventory.targets[1] ==
          InventoryTarget{{"container", "local", "web-2"}, "web", {{"group", "web"}}, std::nullopt, Simulate::kAllow});
}

TEST_CASE("engines stand on a unix socket, or on TCP with certificates") {
  const std::string text =
      "version: 1\n"
      "engines:\n"
      "  local: {unix: /run/heal/docker.sock}\n"
      "  far: {tcp: 'docker.example:2376', ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}\n"
      "  near: {tcp: '127.0.0.1:2375'}\n"
      "  v6: {tcp: '[::1]:2375'}\n"
      "  lab: {tcp: '10.0.0.9:2375', insecure: true}\n";
  const auto config = parse_config(text);
  EngineConfig far;
  far.tcp = "docker.example:2376";
  far.ca_file = "ca.pem";
  far.cert_file = "cert.pem";
  far.key_file = "key.pem";
  REQUIRE(config.engines.at("far") == far);
  REQUIRE(config.engines.at("lab").insecure);
  REQUIRE(parse_config(print_config(config)).engines == config.engines);
}

TEST_CASE("an engine that anybody on the way could command is refused with the way out") {
  const auto problem = [](const std::string& engine) {
    const std::string all = problems("version: 1\nengines:\n  far: " + engine + "\n");
    const auto start = all.find("error: ") + 7;
    return all.substr(start, all.find('\n') - start);
  };
  REQUIRE(problems("version: 1\nengines:\n  far: {tcp: 'docker.example:2375'}\n") ==
          "heal.yml:3:8: error: plain TCP to docker.example:2375 would let everyone on the way command that engine\n"
          "      far: {tcp: 'docker.example:2375'}\n"
          "           ^\n"
          "hint: give ca_file, cert_file and key_file, or say insecure: true\n");
  REQUIRE(problem("{tcp: '127.0.0.1.evil.example:2375'}").starts_with("plain TCP to "));
  REQUIRE(problem("{}") == "an engine needs either \"unix\" or \"tcp\"");
  REQUIRE(problem("{unix: /s, tcp: 'a:1'}") == "an engine needs either \"unix\" or \"tcp\"");
  REQUIRE(problem("{unix: /s, ca_file: x}") == "certificates and \"insecure\" are for engines on \"tcp\"");
  REQUIRE(problem("{tcp: 'a:1', cert_file: x}") == "\"cert_file\" and \"key_file\" belong together");
  REQUIRE(problem("{tcp: 'a:1', ca_file: x}") ==
          "\"ca_file\" needs \"cert_file\" and \"key_file\": an engine that asks for no certificate obeys everyone");
  REQUIRE(problem("{tcp: 'a:1', cert_file: x, key_file: y, insecure: true}") ==
          "\"insecure\" is for plain TCP, not for an engine with certificates");
}

const char* const kInventory = R"(
version: 1
engines: {local: {unix: /s}}
inventory:
  targets:
    - {target: container/local/listed, health: "tcp://listed:80", group: a, labels: {tier: x}}
    - {target: service/api}
)";

TEST_CASE("a container with heal.enable=true brings its inventory along") {
  const auto config = parse_config(kInventory);
  const TargetId web{"container", "local", "web"};
  const Labels labels{{"heal.enable", "true"},
                      {"heal.health", "http://web:8080/healthz"},
                      {"heal.group", "web"},
                      {"heal.simulate", "allow"},
                      {"app", "shop"}};
  Labels expected = labels;
  expected["group"] = "web";
  REQUIRE(inventory_of_container(config, web, labels).value() ==
          InventoryTarget{web, "web", expected, HealthCheck{HealthCheck::Kind::kHttp, "http://web:8080/healthz"},
                          Simulate::kAllow});
}

TEST_CASE("a label that cannot be used is refused in words, whatever is in it") {
  const auto config = parse_config(kInventory);
  const TargetId web{"container", "local", "web"};
  const auto refusal = [&](const std::string& name, const std::string& value) {
    Labels labels{{"heal.enable", "true"}};
    labels[name] = value;
    const auto error = inventory_of_container(config, web, labels).error();
    REQUIRE(error.code() == ErrorCode::kInvalid);
    return error.str();
  };
  REQUIRE(refusal("heal.enable", "yes") ==
          "container/local/web: its label heal.enable=\"yes\" cannot be used: expected true or false");
  REQUIRE(refusal("heal.simulate", "ALLOW") ==
          "container/local/web: its label heal.simulate=\"ALLOW\" cannot be used: expected allow or refuse");
  REQUIRE(refusal("heal.group", "a\nb\"") ==
          "container/local/web: its label heal.group=\"a\\nb\"\" cannot be used: expected at most 64 letters, digits "
          "and _ . - : /");
  REQUIRE(refusal("heal.group", std::string(65, 'x')).find("at most 64") != std::string::npos);
  for (const std::string health : {"", " ", "nginx:8080", "ftp://x", "http://", "http://u:p@x/", "tcp://x", "tcp://x:0",
                                   "file:///etc/passwd", "http://x y/", "\xff\xfe"}) {
    CAPTURE(health);
    if (health.empty()) {
      REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}, {"heal.health", ""}}).has_value());
    } else {
      REQUIRE(refusal("heal.health", health).find("its label heal.health=") != std::string::npos);
    }
  }
}

TEST_CASE("what an exchange of containers leaves over has its labels, and is in no inventory by them") {
  const auto config = parse_config(R"(
version: 1
engines: {local: {unix: /s}}
inventory:
  container_labels: true
  targets: [{target: container/local/odd.heal-old}]
)");
  const Labels labels{{"heal.enable", "true"}, {"heal.group", "web"}};
  for (const char* name : {"web.heal-old", "web.heal-new"}) {
    const auto error = inventory_of_container(config, {"container", "local", name}, labels).error();
    CHECK(error.code() == ErrorCode::kRefused);
    CHECK(error.str() ==
          "container/local/" + std::string(name) + ": not in the inventory (left over from docker.recreate)");
  }
  CHECK(inventory_of_container(config, {"container", "local", "web"}, labels).has_value());
  CHECK(inventory_of_container(config, {"container", "local", "odd.heal-old"}, labels).has_value());
}

TEST_CASE("what heal.yml does not say of a listed container, its labels may") {
  const auto config = parse_config(R"(
version: 1
engines: {local: {unix: /s}}
inventory:
  targets:
    - {target: container/local/bare}
    - {target: container/local/full, health: "tcp://full:80", group: a}
)");
  const Labels labels{{"heal.health", "http://web:8080/healthz"}, {"heal.group", "web"}};
  const auto bare = inventory_of_container(config, {"container", "local", "bare"}, labels).value();
  REQUIRE(bare.group == "web");
  REQUIRE(bare.labels.at("group") == "web");
  REQUIRE(bare.health == HealthCheck{HealthCheck::Kind::kHttp, "http://web:8080/healthz"});
  const auto full = inventory_of_container(config, {"container", "local", "full"}, labels).value();
  REQUIRE(full.group == "a");
  REQUIRE(full.health == HealthCheck{HealthCheck::Kind::kTcp, "full:80"});
  REQUIRE(
      inventory_of_container(config, {"container", "local", "bare"}, {{"heal.health", "nonsense"}}).error().code() ==
      ErrorCode::kInvalid);
}

TEST_CASE("a container that nobody listed or labelled is refused with the reason") {
  auto config = parse_config(kInventory);
  const TargetId web{"container", "local", "web"};
  const auto refused = inventory_of_container(config, web, {{"heal.enable", "false"}}).error();
  REQUIRE(refused.code() == ErrorCode::kRefused);
  REQUIRE(refused.str() ==
          "container/local/web: not in the inventory (no label heal.enable=true, and not under inventory.targets in "
          "heal.yml)");
  config.inventory.container_labels = ContainerLabels::kIgnore;
  REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}}).error().str() ==
          "container/local/web: not in the inventory (not under inventory.targets in heal.yml)");
  REQUIRE(inventory_of_container(config, {"container", "edge", "web"}, {{"heal.enable", "true"}}).error().str() ==
          "container/edge/web: there is no engine \"edge\" in heal.yml");
  REQUIRE(inventory_of(config, {"service", "", "db"}).error().code() == ErrorCode::kRefused);
  REQUIRE(inventory_of(config, {"service", "", "api"}).has_value());
}

TEST_CASE("a heal label that cannot be used is said, not ignored") {
  const auto config = parse_config(kInventory);
  const TargetId web{"container", "local", "web"};
  REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}, {"heal.health", "web:80"}}).error().str() ==
          "container/local/web: its label heal.health=\"web:80\" cannot be used: expected an http URL or "
          "tcp://host:port");
  REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}, {"heal.simulate", "yes"}}).error().str() ==
          "container/local/web: its label heal.simulate=\"yes\" cannot be used: expected allow or refuse");
}

TEST_CASE("heal.yml wins over a container's labels") {
  const auto config = parse_config(kInventory);
  const TargetId listed{"container", "local", "listed"};
  const auto target = inventory_of_container(
      config, listed,
      {{"heal.health", "http://evil/"}, {"heal.group", "b"}, {"heal.simulate", "allow"}, {"tier", "y"}});
  REQUIRE(target->health == HealthCheck{HealthCheck::Kind::kTcp, "listed:80"});
  REQUIRE(target->group == "a");
  REQUIRE(target->simulate == Simulate::kRefuse);
  REQUIRE(target->labels.at("tier") == "x");
}

}  // namespace
}  // namespace heal::playbook
