#include "common/playbook/heal_config.h"

#include <catch2/catch.hpp>

#include "common/config/file.h"

namespace heal::playbook {
namespace {

HealConfig parse(const std::string& text) {
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
  const auto config = parse("version: 1\n");
  REQUIRE(config == expected);
  REQUIRE(config.guards.cooldown == CooldownGuard{GuardSwitch::kOn, 5min, OnError::kBlock});
  REQUIRE(config.guards.budget == BudgetGuard{GuardSwitch::kOn, 3, 1h, OnError::kBlock});
  REQUIRE(config.guards.fresh_evidence == FreshEvidenceGuard{GuardSwitch::kOn, 5s, OnError::kBlock});
  REQUIRE_FALSE(config.faults.enabled);
  REQUIRE(config.allow == AllowLists{});
}

TEST_CASE("a guard is off only when it says so") {
  const auto config = parse(R"(
version: 1
defaults:
  guards:
    cooldown: off
    budget: {window: 10m}
    fresh_evidence: {on_error: allow}
)");
  REQUIRE(config.guards.cooldown == CooldownGuard{GuardSwitch::kOff, 5min, OnError::kBlock});
  REQUIRE(config.guards.budget == BudgetGuard{GuardSwitch::kOn, 3, 10min, OnError::kBlock});
  REQUIRE(config.guards.fresh_evidence == FreshEvidenceGuard{GuardSwitch::kOn, 5s, OnError::kAllow});
}

TEST_CASE("what is printed can be read again and means the same") {
  const std::string path = std::string(HEAL_SOURCE_DIR) + "/tests/golden/playbook/examples/heal.yml";
  auto config = parse(config::read_text_file(path).value());
  auto again = parse(print_config(config));
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
      parse("version: 1\nprometheus: {url: 'http://p:9090', basic_auth: {username: u, password: hunter2}}\n");
  REQUIRE(config.prometheus->basic_auth->password.value == "hunter2");
  const auto printed = print_config(config);
  REQUIRE(printed.find("hunter2") == std::string::npos);
  REQUIRE(printed.find("password: <secret>") != std::string::npos);
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
  const auto config = parse(R"(
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

const char* const kInventory = R"(
version: 1
engines: {local: {unix: /s}}
inventory:
  targets:
    - {target: container/local/listed, health: "tcp://listed:80", group: a, labels: {tier: x}}
    - {target: service/api}
)";

TEST_CASE("a container with heal.enable=true brings its inventory along") {
  const auto config = parse(kInventory);
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

TEST_CASE("a container that nobody listed or labelled is refused with the reason") {
  auto config = parse(kInventory);
  const TargetId web{"container", "local", "web"};
  const auto refused = inventory_of_container(config, web, {{"heal.enable", "yes"}}).error();
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
  const auto config = parse(kInventory);
  const TargetId web{"container", "local", "web"};
  REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}, {"heal.health", "web:80"}}).error().str() ==
          "container/local/web: its label heal.health=\"web:80\" cannot be used: expected an http URL or "
          "tcp://host:port");
  REQUIRE(inventory_of_container(config, web, {{"heal.enable", "true"}, {"heal.simulate", "yes"}}).error().str() ==
          "container/local/web: its label heal.simulate=\"yes\" cannot be used: expected allow or refuse");
}

TEST_CASE("heal.yml wins over a container's labels") {
  const auto config = parse(kInventory);
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
