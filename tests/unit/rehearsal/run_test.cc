#include "common/rehearsal/run.h"

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/sim/fake_clock.h"
#include "heal_test_paths.h"

namespace heal::rehearsal {
namespace {

constexpr const char* kHealYml = R"(version: 1
engines: {local: {unix: /run/docker.sock}}
alertmanagers: [{url: "http://alertmanager:9093"}]
prometheus: {url: "http://prometheus:9090"}
sources: {docker: {engines: [local]}}
defaults: {guards: {cooldown: 5m, budget: {attempts: 3, window: 1h}}}
routes:
  - match: ['alertname="WebDown"']
    playbook: restart
    target: "container/local/{{ labels.container }}"
)";

constexpr const char* kPlaybook = R"(version: 1
playbook: restart
mode: auto
before: [{check: health, is: failing}]
steps:
  - {name: restart, docker.restart: {grace: 5s}}
verify: {within: 10s, consecutive: 2, interval: 1s, all: [{check: health}]}
stay_healthy: 30s
escalate: [page]
)";

constexpr const char* kBegin = R"(version: 1
config: heal.yml
world:
  containers:
    - {name: web, labels: {heal.enable: "true", heal.health: "http://web/"}}
tests:
  - name: the test
)";

playbook::Bundle bundle_of(const std::string& heal_yml, const std::string& book) {
  config::Diagnostics diagnostics;
  auto config = playbook::parse_heal_config(heal_yml, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  playbook::Bundle bundle;
  bundle.config = std::move(*config);
  auto read = playbook::parse_playbook(book, "restart.yml", bundle.config.guards, diagnostics);
  INFO(diagnostics.render());
  REQUIRE(read);
  const std::string name = read->name;
  bundle.playbooks.emplace(name, std::move(*read));
  return bundle;
}

TestResult run(const std::string& body, const std::string& heal_yml = kHealYml, const std::string& book = kPlaybook) {
  config::Diagnostics diagnostics;
  const auto file = parse_test_file(kBegin + body, "some_test.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(file);
  FakeClock watch;
  const auto bundle = bundle_of(heal_yml, book);
  return run_test(bundle, file->tests.front(), watch, {});
}

constexpr const char* kRestarted = R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - {state: closed, decisions: [allow], steps: [{step: restart, arguments: {grace: 5s}, at: 5s}], times: {verified: 6s, closed: 36s}}
      calls: [restart web]
)";

TEST_CASE("the engine itself decides, acts and verifies, in time of its own") {
  const auto result = run(kRestarted);
  INFO(explain(result));
  CHECK(result.passed());
  CHECK(explain(result) == "");
}

TEST_CASE("the same files give the same story every time") {
  const auto story = [] {
    std::string out;
    const auto result = run(kRestarted);
    for (const auto& line : result.seen.incidents.at(0).story) {
      // A restart is an end and a begin: whether the source looks between them is left to the threads, as with an
      // engine.
      if (line.kind == "own_action") continue;
      out += format_duration(line.at) + " " + line.kind + " " + line.message + "\n";
    }
    return out;
  };
  const std::string first = story();
  for (int i = 0; i < 5; ++i)
    CHECK(story() == first);
}

TEST_CASE("a difference is told with its place, what was expected and what came") {
  const auto result = run(R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - {state: escalated, steps: [{step: restart, arguments: {grace: 1s}}], times: {acted: 1s}}
      calls: []
      alerts: [HealFailed]
)");
  REQUIRE(!result.passed());
  REQUIRE(!result.error);
  std::vector<std::string> told;
  for (const auto& one : result.mismatches)
    told.push_back(one.span.str() + ": " + one.what + ": " + one.expected + " | " + one.seen);
  const std::string closed = "closed (stayed_healthy: stayed healthy after the heal)";
  CHECK(told == std::vector<std::string>{"some_test.yml:13:19: incident 1 (WebDown): state: escalated | " + closed,
                                         "some_test.yml:13:38: incident 1 (WebDown): step restart: grace: 1s | 5s",
                                         "some_test.yml:13:95: incident 1 (WebDown): times: acted: 1s | 5s",
                                         "some_test.yml:14:14: calls: none | restart web",
                                         "some_test.yml:15:15: alerts: HealFailed | none"});
}

TEST_CASE("a guard that is taken away makes a test of it fail") {
  const char* body = R"(    timeline:
      - {at: 0s, alert: {alertname: WebDown, container: web}}
    expect:
      after: 1m
      incidents: [{state: held, decisions: [hold before]}]
      calls: []
)";
  CHECK(run(body).passed());
  const std::string book = kPlaybook;
  const std::string line = "before: [{check: health, is: failing}]\n";
  const std::string without = book.substr(0, book.find(line)) + book.substr(book.find(line) + line.size());
  CHECK(!run(body, kHealYml, without).passed());
}

TEST_CASE("Docker's own events begin incidents, and a death within the grace of a restart policy does not") {
  const std::string routes = std::string(kHealYml) + "  - {match: ['source=\"docker\"'], playbook: restart}\n";
  const auto result = run(R"(    timeline:
      - {at: 10s, container: web, becomes: crashed, exit_code: 3}
    expect:
      incidents: [{alert: ContainerDied, state: closed, type: CONTAINER_CRASH, times: {failed: 10s}}]
      calls: [restart web]
)",
                          routes);
  INFO(explain(result));
  CHECK(result.passed());
}

TEST_CASE("people, pauses and the lever can take part") {
  const auto result = run(R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 1s, pause: release}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 60s, resume: release}
    expect:
      incidents: [{state: closed, decisions: [hold pauses, allow], times: {acted: 60s}}]
)");
  INFO(explain(result));
  CHECK(result.passed());
  const auto lever = run(R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 1s, lever: engaged}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
    expect: {after: 2m, incidents: [{state: held, decisions: [hold lever]}], calls: []}
)");
  INFO(explain(lever));
  CHECK(lever.passed());
}

constexpr const char* kNamesPlaybook = R"(version: 1
playbook: restart
mode: auto
before: [{check: dns, name: api.example.net, server: "10.0.0.53:53", is: failing}]
steps:
  - {name: restart, docker.restart: {grace: 5s}}
verify: {within: 10s, consecutive: 2, interval: 1s, all: [{check: dns, name: api.example.net, server: "10.0.0.53:53", answer: '10\.1\..*'}]}
stay_healthy: 30s
escalate: [page]
)";

/// A world with a name server in the container `web`; `answers` is what it says while it runs.
std::string names_test(const std::string& answers, const std::string& expected) {
  return R"(    world:
      containers:
        - {name: web, labels: {heal.enable: "true"}, serves: ["dns://10.0.0.53:53"]}
      answers:
        - {dns: api.example.net, server: "10.0.0.53:53", answers: )" +
         answers + R"(}
    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
    expect:
)" + expected;
}

TEST_CASE("a name server that hangs fails a dns check, and one that answers again as wanted passes it") {
  const auto healed = run(names_test("[10.2.0.1, 10.1.0.7]",
                                     "      incidents: [{state: closed, times: {acted: 5s, verified: 6s}}]\n"
                                     "      calls: [restart web]\n"),
                          kHealYml, kNamesPlaybook);
  INFO(explain(healed));
  CHECK(healed.passed());
  const std::string answers = GENERATE("[10.2.0.1]", "[]", "nxdomain", "servfail", "refused", "nothing");
  CAPTURE(answers);
  const auto failed = run(names_test(answers,
                                     "      incidents: [{state: escalated, times: {acted: 5s, verified: never}}]\n"
                                     "      alerts: [HealFailed]\n"),
                          kHealYml, kNamesPlaybook);
  INFO(explain(failed));
  CHECK(failed.passed());
}

TEST_CASE("a schedule that asks name servers heals when they do not answer as wanted") {
  const std::string heal_yml = std::string(kHealYml) +
                               "schedules:\n  - {name: names, every: 10s, failures: 2, playbook: restart, target: "
                               "container/local/web, check: {check: dns, name: api.example.net}}\n";
  const char* playbook = R"(version: 1
playbook: restart
mode: auto
steps:
  - {name: restart, docker.restart: {grace: 5s}}
verify: {all: [{check: health}]}
escalate: [page]
)";
  const auto result = run(R"(    world: {answers: [{dns: api.example.net, answers: [10.1.0.7]}]}
    timeline:
      - {at: 25s, dns: api.example.net, answers: nxdomain}
      - {at: 41s, dns: api.example.net, answers: [10.1.0.7]}
    expect:
      incidents: [{target: container/local/web, type: HEALTH_CHECK_FAILURE, state: closed}]
      calls: [restart web]
)",
                          heal_yml, playbook);
  INFO(explain(result));
  CHECK(result.passed());
}

TEST_CASE("a clock that is set back keeps nobody waiting longer") {
  const auto result = run(R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 10s, clock: 2030-01-01T00:00:00Z}
    expect:
      after: 2m
      incidents: [{state: closed}]
      calls: [restart web]
)");
  INFO(explain(result));
  CHECK(result.passed());
}

TEST_CASE("a line that cannot be played stops the test with its place") {
  const auto result = run(R"(    timeline:
      - {at: 0s, container: wbe, becomes: crashed}
    expect: {incidents: []}
)");
  REQUIRE(result.error);
  CHECK(result.error->str() == "some_test.yml:9:9: there is no container \"wbe\" in the test's world");
}

TEST_CASE("a stop ends a test at once") {
  std::stop_source stop;
  stop.request_stop();
  config::Diagnostics diagnostics;
  const auto file = parse_test_file(std::string(kBegin) + kRestarted, "some_test.yml", diagnostics);
  REQUIRE(file);
  FakeClock watch;
  const auto bundle = bundle_of(kHealYml, kPlaybook);
  const auto result = run_test(bundle, file->tests.front(), watch, stop.get_token());
  REQUIRE(result.error);
  CHECK(result.error->code() == ErrorCode::kCancelled);
}

/// The YAML of a recipe of common/playbook/README.md, after the words that begin it: played as a user would play it.
std::string recipe(const std::string& begins) {
  const std::string text = config::read_text_file(HEAL_SOURCE_DIR "/common/playbook/README.md", 1 << 20).value();
  const auto at = text.find("**" + begins + "**");
  REQUIRE(at != std::string::npos);
  const auto first = text.find("```yaml\n", at) + 8;
  return text.substr(first, text.find("```", first) - first);
}

TEST_CASE("HealSucceeded, as the README has it, is posted after a heal that was proven and has held, and no other") {
  struct Case {
    const char* name;
    const char* body;
  };
  const auto c = GENERATE(values<Case>({
      {"proven, held and resolved", R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 60s, resolve: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - state: closed
          reason: on_resolved_done
          steps: [restart, {step: tell, role: on_resolved, outcome: done, at: {from: 60s, to: 62s}}]
          times: {verified: 6s, resolved: 60s}
      alerts: [HealSucceeded]
)"},
      {"resolved before it has held", R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 10s, resolve: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - {state: closed, steps: [restart, {step: tell, role: on_resolved, outcome: done, at: {from: 36s, to: 38s}}]}
      alerts: [HealSucceeded]
)"},
      {"proven, and its alert goes on", R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
    expect:
      after: 1h
      incidents:
        - {state: recovered, steps: [restart], times: {verified: 6s}}
      alerts: []
)"},
      {"not proven", R"(    timeline:
      - {at: 0s, container: web, becomes: broken}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 5m, resolve: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - {steps: [restart], times: {verified: never}}
      alerts: [HealFailed]
)"},
      {"bad again before it has held", R"(    timeline:
      - {at: 0s, container: web, becomes: hanging}
      - {at: 5s, alert: {alertname: WebDown, container: web}}
      - {at: 20s, container: web, becomes: hanging}
      - {at: 5m, resolve: {alertname: WebDown, container: web}}
    expect:
      incidents:
        - {steps: [restart], times: {verified: 6s}}
      alerts: [HealFailed]
)"},
  }));
  CAPTURE(c.name);
  const TestResult result = run(c.body, kHealYml, kPlaybook + recipe("Telling that a heal succeeded"));
  INFO(explain(result));
  CHECK(result.passed());
}

}  // namespace
}  // namespace heal::rehearsal
