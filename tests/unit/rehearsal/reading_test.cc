#include <catch2/catch.hpp>

#include "common/rehearsal/case.h"

namespace heal::rehearsal {
namespace {

std::string problems_of(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto read = parse_test_file(text, "dir/some_test.yml", diagnostics);
  CHECK(read.has_value() != diagnostics.has_errors());
  return diagnostics.render();
}

constexpr const char* kSmallest = R"(version: 1
config: heal.yml
tests:
  - name: nothing happens
    timeline: []
    expect: {incidents: []}
)";

TEST_CASE("the smallest test file is read, and its heal.yml is looked for beside it") {
  config::Diagnostics diagnostics;
  const auto read = parse_test_file(kSmallest, "dir/some_test.yml", diagnostics);
  REQUIRE(read);
  CHECK(read->heal_yml == "dir/heal.yml");
  REQUIRE(read->tests.size() == 1);
  CHECK(read->tests[0].name == "nothing happens");
}

TEST_CASE("every kind of line is read") {
  CHECK(problems_of(R"(version: 1
config: heal.yml
world:
  containers:
    - {name: web, engine: local, image: web:1, labels: {a: b}, restart_policy: always, state: exited, serves: ["http://web/", "dns://10.0.0.53:53"],
       exits_at_start: 3, start_error: no port, has_healthcheck: true, ignores_sigterm: true}
  answers:
    - {http: "http://web/", answers: refused}
    - {tcp: "web:80", answers: nothing}
    - {dns: api.example.net, type: AAAA, server: "10.0.0.53:53", answers: ["2001:db8::1"]}
    - {dns: api.example.net, answers: nothing}
    - {promql: up, gives: [{labels: {job: x}, value: 1}]}
    - {program: /bin/x, exits: 1, output: text, takes: 2s, restarts: web}
    - {exec: [/bin/x, now], container: web, exits: 1, output: text}
    - {exec: /bin/x}
    - {haproxy: "proxy:9999", servers: [api/one]}
tests:
  - name: all
    now: 2030-01-02T03:04:05Z
    world: {containers: [{name: other}]}
    timeline:
      - {at: 0s, alert: {alertname: A}, annotations: {x: y}}
      - {at: 0s, silence: {alertname: A}}
      - {at: 0s, forget: {alertname: A}}
      - {at: 0s, resolve: {alertname: A}}
      - {at: 1s, payload: group.json}
      - {at: 1s, container: web, engine: local, becomes: crashed, exit_code: 1}
      - {at: 1s, engine: local, becomes: away}
      - {at: 1s, http: "http://web/", answers: 503, body: no}
      - {at: 1s, promql: up, gives: nothing}
      - {at: 1s, clock: 2030-01-02T03:00:00Z}
      - {at: 1s, operator: approves, target: container/local/web, by: ada}
      - {at: 1s, pause: release}
      - {at: 1s, resume: release}
      - {at: 1s, lever: engaged}
      - {at: 1m, heal: restart, target: container/local/web, params: {grace: 5s}}
    expect:
      after: 10m
      incidents:
        - alert: A
          target: container/local/web
          playbook: restart
          type: ALERT
          state: closed
          reason: verified
          decisions: [hold cooldown, allow, unmatched route]
          steps: [one, {step: two, role: undo, kind: docker.stop, target: container/local/web, arguments: {grace: 1s}, at: {from: 1s, to: 2s}}]
          times: {failed: never, detected: 1s}
      calls: [restart web]
      alerts: [HealFailed]
)") == "");
}

TEST_CASE("what is wrong is said at its place, with what was expected") {
  CHECK(
      problems_of(R"(version: 1
config: heal.yml
tests:
  - name: wrong
    timeline:
      - {at: 5s, container: web, becomes: dead}
      - {at: 1s, allert: {alertname: A}}
    expect:
      incidents:
        - {state: closd, decisions: [hold cooldwn, allow mode]}
)") ==
      R"(dir/some_test.yml:6:43: error: "becomes" must be one of crashed, out_of_memory, stopped, running, paused, removed, healthy, unhealthy, hanging, broken, mended, not "dead"
          - {at: 5s, container: web, becomes: dead}
                                              ^
dir/some_test.yml:7:9: error: it does not say what happens
          - {at: 1s, allert: {alertname: A}}
            ^
hint: one of the keys alert, resolve, silence, forget, payload, exec, haproxy, container, http, tcp, dns, promql, program, clock, operator, pause, resume, lever, heal, engine
dir/some_test.yml:10:19: error: "state" must be one of received, held, suppressed, unmatched, planned, awaiting_approval, executing, verifying, recovered, failed, escalated, interrupted, cancelled, stale, closed, not "closd"
            - {state: closd, decisions: [hold cooldwn, allow mode]}
                      ^
hint: did you mean "closed"?
dir/some_test.yml:10:38: error: who said "hold cooldwn" is missing or unknown
            - {state: closd, decisions: [hold cooldwn, allow mode]}
                                         ^
hint: a guard or stage: route, inventory, plan, lever, store, fresh_evidence, before, pauses, windows, blocking_alerts, storm, breaker, flap, budget, cooldown, target_lock, in_flight, population, mode
dir/some_test.yml:10:52: error: no guard stands behind "allow"
            - {state: closd, decisions: [hold cooldwn, allow mode]}
                                                       ^
)");
}

TEST_CASE("a name server's answer is a list of records or one of four words") {
  const auto said = [](const std::string& line) {
    return problems_of("version: 1\nconfig: heal.yml\nworld:\n  answers:\n    - " + line +
                       "\ntests: [{name: a, timeline: [], expect: {incidents: []}}]\n");
  };
  CHECK(said("{dns: a.net, answers: []}") == "");
  CHECK(said("{dns: a.net, answers: servfail}") == "");
  CHECK(said("{dns: a.net, answers: 10.1.2.3}") ==
        "dir/some_test.yml:5:29: error: \"answers\" must be one of nxdomain, servfail, refused, nothing, not "
        "\"10.1.2.3\"\n        - {dns: a.net, answers: 10.1.2.3}\n                                ^\n");
  CHECK(said("{dns: a b, answers: nothing}") ==
        "dir/some_test.yml:5:13: error: \"dns\" must be a DNS name, not \"a b\"\n        - {dns: a b, answers: "
        "nothing}\n                ^\n");
  CHECK(said("{dns: a.net, type: ANY, answers: nothing}").find("must be one of A, AAAA") != std::string::npos);
}

TEST_CASE("two tests of one name, and a file without tests, are refused") {
  CHECK(problems_of("version: 1\nconfig: heal.yml\ntests: []\n").find("at least one test") != std::string::npos);
  const std::string twice =
      std::string(kSmallest) + "  - {name: nothing happens, timeline: [], expect: {incidents: []}}\n";
  CHECK(problems_of(twice).find("two tests of this name") != std::string::npos);
}

}  // namespace
}  // namespace heal::rehearsal
