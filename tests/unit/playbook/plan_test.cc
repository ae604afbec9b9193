#include "common/playbook/plan.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

const char* const kConfig = R"(
version: 1
engines: {local: {unix: /s}}
allow:
  commands: [/bin/fix]
  hosts: ["api.internal:8443", plain.internal]
inventory:
  targets:
    - {target: service/api, health: "tcp://api.internal:8443"}
    - {target: service/bare}
)";

HealConfig config() {
  config::Diagnostics diagnostics;
  auto out = parse_heal_config(kConfig, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(out);
  return std::move(*out);
}

Playbook playbook(const std::string& steps, const std::string& rest = "") {
  config::Diagnostics diagnostics;
  auto out = parse_playbook("version: 1\nplaybook: p\nmode: auto\n" + rest + "steps:\n" + steps, "p.yml",
                            GuardSettings(), diagnostics);
  INFO(diagnostics.render());
  REQUIRE(out);
  return std::move(*out);
}

PlanInput on_web() {
  PlanInput input;
  input.labels = {{"alertname", "Down"}, {"instance", "web:8080"}};
  input.target = {{"container", "local", "web"},
                  "front",
                  {{"group", "front"}, {"com.docker.compose.service", "web"}},
                  HealthCheck{HealthCheck::Kind::kHttp, "http://web:8080/healthz"},
                  Simulate::kRefuse};
  return input;
}

std::string refusal(const std::string& steps, const PlanInput& input = on_web(), const std::string& rest = "") {
  const auto plan = make_plan(config(), playbook(steps, rest), input);
  return plan ? "planned" : plan.error().str();
}

TEST_CASE("a step of a plan holds exactly what will be done") {
  const auto plan = make_plan(config(),
                              playbook("  - name: r\n"
                                       "    docker.restart: {grace: '{{ params.grace }}'}\n"
                                       "    timeout: 2m\n"
                                       "    retry: {attempts: 2, backoff: 3s}\n"
                                       "    when: [{value: labels.alertname, is: Down}]\n",
                                       "params: {grace: {type: duration, default: 90s}}\n"),
                              on_web())
                        .value();
  PlannedStep expected;
  expected.name = "r";
  expected.kind = "docker.restart";
  expected.target = TargetId{"container", "local", "web"};
  expected.arguments.set("grace", Duration(90s));
  expected.when = {Condition{"labels.alertname", Condition::Op::kIs, {"Down"}, 0, std::nullopt}};
  expected.timeout = 2min;
  expected.retry = {2, 3s};
  expected.on_unknown = OnUnknown::kProbe;
  expected.effect = Effect::kChanges;
  REQUIRE(plan.steps == std::vector<PlannedStep>{expected});
  REQUIRE(plan.params == Params{{"grace", "1m30s"}});
  REQUIRE(evaluate(plan.steps[0].when, plan.scope).truth == Truth::kTrue);
}

TEST_CASE("the scope holds the event, the params and the target") {
  auto input = on_web();
  input.annotations = {{"summary", "it broke"}};
  const auto plan = make_plan(config(), playbook("  - {name: s, docker.start: {}}\n"), input).value();
  REQUIRE(plan.scope == Scope{{"labels.alertname", "Down"},
                              {"labels.instance", "web:8080"},
                              {"annotations.summary", "it broke"},
                              {"target.id", "container/local/web"},
                              {"target.kind", "container"},
                              {"target.engine", "local"},
                              {"target.name", "web"},
                              {"target.group", "front"},
                              {"target.labels.group", "front"},
                              {"target.labels.com.docker.compose.service", "web"}});
}

TEST_CASE("the same input gives the same hash, and anything that is done changes it") {
  const auto hash = [](const std::string& steps, const PlanInput& input = on_web()) {
    return make_plan(config(), playbook(steps), input).value().hash;
  };
  const std::string step = "  - {name: r, docker.restart: {grace: 5s}}\n";
  REQUIRE(hash(step) == hash(step));
  REQUIRE(hash(step).size() == 64);
  REQUIRE(hash(step) != hash("  - {name: r, docker.restart: {grace: 6s}}\n"));
  REQUIRE(hash(step) != hash("  - {name: r, docker.restart: {grace: 5s}, timeout: 31s}\n"));
  REQUIRE(hash(step) != hash("  - {name: r, docker.stop: {grace: 5s}}\n"));
  auto other = on_web();
  other.target.id.name = "web2";
  REQUIRE(hash(step) != hash(step, other));
  auto unused = on_web();
  unused.labels["unused"] = "x";
  REQUIRE(hash(step) == hash(step, unused));
}

TEST_CASE("the mode does not change what a plan does") {
  auto shadow = playbook("  - {name: r, docker.start: {}}\n");
  auto active = shadow;
  shadow.mode = Mode::kShadow;
  REQUIRE(make_plan(config(), shadow, on_web())->hash == make_plan(config(), active, on_web())->hash);
  active.mode = Mode::kApprove;
  REQUIRE(make_plan(config(), active, on_web())->hash == make_plan(config(), shadow, on_web())->hash);
}

TEST_CASE("what a plan must not do is refused with the step and the argument") {
  struct Case {
    const char* name;
    const char* steps;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"command", "  - {name: c, command: {argv: [/bin/sh, -c, x]}}\n",
       "playbook p: step c: /bin/sh is not under allow.commands in heal.yml"},
      {"host", "  - {name: h, http.request: {url: 'http://evil/'}}\n",
       "playbook p: step h: argument url: evil:80 is not under allow.hosts in heal.yml"},
      {"port", "  - {name: h, http.request: {url: 'https://api.internal/'}}\n",
       "playbook p: step h: argument url: api.internal:443 is not under allow.hosts in heal.yml"},
      {"inventory", "  - {name: s, docker.start: {}, target: container/local/other}\n",
       "playbook p: step s: container/local/other: not in the inventory (not under inventory.targets in heal.yml)"},
      {"kind of target", "  - {name: s, docker.start: {}, target: service/api}\n",
       "playbook p: step s: docker.start cannot act on service/api (it acts on a container)"},
      {"undefined", "  - {name: h, http.request: {url: 'http://plain.internal/{{ labels.none }}'}}\n",
       "playbook p: step h: argument url: labels.none has no value"},
      {"wait on a host from a label", "  - {name: w, wait.http: {url: 'http://{{ labels.instance }}/'}}\n",
       "playbook p: step w: web:8080 is not under allow.hosts in heal.yml"},
      {"wait on an address from a label", "  - {name: w, wait.tcp: {address: '{{ labels.instance }}'}}\n",
       "playbook p: step w: web:8080 is not under allow.hosts in heal.yml"},
      {"grace", "  - {name: s, docker.stop: {grace: '{{ labels.alertname }}'}}\n",
       "playbook p: step s: argument grace: \"Down\" is not a duration like 30s or 1h30m"},
  }));
  CAPTURE(c.name);
  REQUIRE(refusal(c.steps) == c.message);
}

TEST_CASE("what heal.yml allows is planned") {
  const char* steps = GENERATE("  - {name: c, command: {argv: [/bin/fix, x]}}\n",
                               "  - {name: h, http.request: {url: 'https://API.internal:8443/'}}\n",
                               "  - {name: h, http.request: {url: 'http://plain.internal:1234/'}}\n",
                               "  - {name: w, wait.http: {url: 'http://anywhere/'}}\n",
                               "  - {name: w, wait.tcp: {address: '{{ target.labels.group }}:80'}}\n");
  CAPTURE(steps);
  REQUIRE(refusal(steps) == "planned");
}

TEST_CASE("a plan is stored and shown without the secrets that its requests carry") {
  const auto plan =
      make_plan(config(),
                playbook("  - name: h\n"
                         "    http.request:\n"
                         "      url: http://plain.internal/\n"
                         "      headers: {Authorization: Bearer hunter2, Accept: json, x-api-key: hunter2}\n"
                         "      headers_files: {X-Vault-Token: /run/token}\n"),
                on_web())
          .value();
  CHECK(plan.steps[0].arguments.text_map("headers").at("Authorization") == "Bearer hunter2");
  CHECK(plan.canonical.find(R"("headers":{"Accept":"json","Authorization":"<secret>","x-api-key":"<secret>"})") !=
        std::string::npos);
  const std::string text = explain(plan);
  CHECK(text.find("headers={Accept: json, Authorization: <secret>, x-api-key: <secret>}") != std::string::npos);
  CHECK((plan.canonical + text).find("hunter2") == std::string::npos);
  REQUIRE(refusal("  - {name: h, http.request: {url: 'http://plain.internal/', headers: {Cookie: '" +
                  std::string(5000, 'x') + "'}}}\n")
              .find("xxx") == std::string::npos);
  auto input = on_web();
  input.labels["v"] = "http://me:hunter2@plain.internal/";
  REQUIRE(refusal("  - {name: h, http.request: {url: '{{ labels.v }}'}}\n", input).find("hunter2") ==
          std::string::npos);
}

TEST_CASE("a step may act on another target that is known to be in the inventory") {
  auto input = on_web();
  input.others["container/local/db"] = {{"container", "local", "db"}, "", {}, std::nullopt, Simulate::kRefuse};
  const auto plan =
      make_plan(config(), playbook("  - {name: s, docker.start: {}, target: container/local/db}\n"), input).value();
  REQUIRE(plan.steps[0].target == TargetId{"container", "local", "db"});
}

TEST_CASE("health is asked where the inventory says, never where an alert says") {
  const auto verify = [](const std::string& check) { return "verify: {all: [" + check + "]}\n"; };
  const std::string step = "  - {name: s, docker.start: {}}\n";
  const auto plan = make_plan(config(), playbook(step, verify("{check: health}")), on_web()).value();
  REQUIRE(plan.verify->checks[0].str() == "health of container/local/web (http://web:8080/healthz)");
  REQUIRE(
      refusal(step, on_web(), verify("{check: health, target: service/bare}")) ==
      "playbook p: verify, check 1: service/bare has no health check in the inventory (label heal.health, or health "
      "in heal.yml)");
  REQUIRE(refusal(step, on_web(), verify("{container: running, target: service/api}")) ==
          "playbook p: verify, check 1: service/api is not a container");
  REQUIRE(refusal(step, on_web(), verify("{check: http, url: 'http://{{ labels.instance }}/'}")) ==
          "playbook p: verify, check 1: web:8080 is not under allow.hosts in heal.yml");
}

TEST_CASE("params given to a plan are checked against the playbook") {
  const std::string params = "params: {n: {type: integer, min: 1, max: 3}}\n";
  const std::string step = "  - {name: s, docker.start: {}}\n";
  auto input = on_web();
  REQUIRE(refusal(step, input, params) == "playbook p: param n: is not given and has no default");
  input.params = {{"n", "4"}};
  REQUIRE(refusal(step, input, params) == "playbook p: param n: 4 is more than 3");
  input.params = {{"n", "3"}};
  REQUIRE(refusal(step, input, params) == "planned");
}

}  // namespace
}  // namespace heal::playbook
