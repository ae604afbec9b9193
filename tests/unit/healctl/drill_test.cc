#include "healctl/drill/drill.h"

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "healctl/output/junit.h"
#include "healctl/output/text.h"
#include "tests/unit/healctl/drill_bench.h"

namespace heal::ctl {
namespace {

TEST_CASE(
    "a drill breaks, sees the alert, the decision and the heal, undoes the fault and finds everything as before") {
  DrillBench drill;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(drill.reverted);
  CHECK(ran.out == R"(STAGE         RESULT     AT  WITHIN
steady        ok          -       -  every check holds, and the target has no open incident
inject        ok        0ms       -  kill of container/local/nginx, undone by the service at the latest after 3m (lease 01J8FAULT)
alert         ok      5.00s  30.00s  NginxDown reached the service: incident 01J8ZQ4T9M5V6W7X8Y9ZABCDEF
decision      ok      5.10s  40.00s  allow by playbook restart-container
heal          ok      8.00s   1m00s  health of container/local/nginx passed 2 times
untouched     ok          -       -  nothing else was touched
revert        ok          -   1m00s  the fault is undone, and that was verified
steady again  ok          -  20.00s  every check holds
since the fault: detect 5.00s · decide 5.10s · act 5.10s · verify 8.00s · resolve -
)");
}

TEST_CASE("a drill that follows the service's events looks when there is news, and knows where it went on") {
  DrillBench drill;
  drill.alert_after = 800ms;
  drill.heal_after = 1600ms;
  std::vector<std::string> resumed_after;
  drill.bench.http.on("GET", std::string(Bench::kApi) + "/events", [&](const HttpClientRequest& request) {
    resumed_after.emplace_back();
    for (const auto& [name, value] : request.headers)
      if (name == "Last-Event-ID") resumed_after.back() = value;
    drill.bench.clock.advance(800ms);
    auto answer = HttpAnswer::of(200);
    const std::uint64_t sequence = resumed_after.size();
    answer.chunks.push_back(event_of(moved_to(healed_incident(), IncidentState::kExecuting, sequence, "news")));
    return answer;
  });
  int looks = 0;
  drill.on_look = [&] { ++looks; };
  CHECK(drill.run().exit == Exit::kDone);
  CHECK(looks == 8);  // idle, alert (none, list, story), decision, heal (not yet, yes), untouched
  CHECK(resumed_after == std::vector<std::string>{"", "1"});
}

TEST_CASE("an alert that does not come fails the drill, and the fault is undone") {
  DrillBench drill;
  drill.alert_after.reset();
  drill.heal_after.reset();
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(drill.reverted);
  CHECK(ran.out.find("not within 30s: the service has heard of nothing since the fault") != std::string::npos);
  CHECK(ran.out.find("decision") == std::string::npos);
  CHECK(ran.out.find("steady again  ok") != std::string::npos);
}

/// The drill above, of which nothing must be done about the fault.
std::string never_healed() {
  std::string text = kDrill;
  text.replace(text.find("heal: {within: 60s}"), 19, "heal: never");
  return text;
}

TEST_CASE("that nothing is done is watched until the longest time of the drill is over") {
  DrillBench drill(never_healed());
  drill.heal_after.reset();
  drill.act_after = 1h;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(drill.bench.clock.now() - *drill.fault_at >= 40s);
  CHECK(ran.out.find("nothing was done, as expected") != std::string::npos);
}

TEST_CASE("an action that comes late fails a drill in which nothing must be done") {
  DrillBench drill(never_healed());
  drill.heal_after.reset();
  drill.act_after = 39s;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(drill.reverted);
  CHECK(ran.out.find("it was acted on, which must not happen") != std::string::npos);
}

TEST_CASE("what a drill expects has its time from the fault on, however long the service looks before it breaks") {
  DrillBench drill;
  drill.looks_for = 8s;
  drill.alert_after = 25s;
  drill.heal_after = 55s;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK_THAT(ran.out, Catch::Contains("alert         ok      25.00s  30.00s") &&
                          Catch::Contains("heal          ok      55.00s   1m00s"));
}

TEST_CASE("an action within the promised time fails a drill in which nothing must be done, however late the fault") {
  DrillBench drill(never_healed());
  drill.looks_for = 8s;
  drill.heal_after.reset();
  drill.act_after = 39s;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK_THAT(ran.out, Catch::Contains("it was acted on, which must not happen"));
}

TEST_CASE("a fault that takes its time to come into force makes nothing that comes late come in time") {
  DrillBench drill;
  drill.breaks_for = 8s;
  drill.alert_after = 32s;
  drill.heal_after = 34s;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK_THAT(ran.out, Catch::Contains("came at 32s, not within 30s: NginxDown reached the service"));
}

/// The drill above, which takes any evidence of its target.
std::string by_any_evidence() {
  std::string text = kDrill;
  const std::string alert = "  alert: {name: NginxDown, within: 30s}\n";
  return text.erase(text.find(alert), alert.size());
}

TEST_CASE("a fault that comes and goes is healed by the incident that finds it there") {
  DrillBench drill(by_any_evidence());
  drill.is_well_at_first = true;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.out.find("since the fault: detect 1.00s · decide 5.10s · act 5.10s · verify 8.00s") != std::string::npos);
}

TEST_CASE(
    "a fault that nobody finds there fails the drill at the time of its decision, and the last word on it is told") {
  DrillBench drill(by_any_evidence());
  drill.is_well_at_first = true;
  drill.alert_after = 1h;
  drill.heal_after.reset();
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(drill.reverted);
  CHECK(ran.out.find("not within 40s: decided: stale") != std::string::npos);
}

TEST_CASE("what came later than it should fails the drill, although it is there when it is looked for") {
  std::string text = kDrill;
  text.replace(text.find("within: 40s"), 11, "within: 5050ms");
  DrillBench drill(text);
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out.find("came at 5s100ms, not within 5s50ms: allow by playbook restart-container") != std::string::npos);
}

TEST_CASE("Ctrl-C while the fault is undone leaves no report of a drill that passed") {
  DrillBench drill;
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults/revert", [&](const auto&) {
    drill.reverted = true;
    drill.bench.stop.request_stop();
    return HttpAnswer::of(503);
  });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kInterrupted);
  CHECK((ran.out + ran.err).find("interrupted") != std::string::npos);
}

TEST_CASE("Ctrl-C undoes the fault before healctl ends") {
  DrillBench drill;
  drill.on_look = [&] {
    if (drill.fault_at) drill.bench.stop.request_stop();
  };
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kInterrupted);
  CHECK(drill.reverted);
  CHECK(ran.err.find("revert        ok") != std::string::npos);
}

TEST_CASE("--dry-run looks and asks, and changes nothing") {
  DrillBench drill;
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults",
                      [](const auto&) { return HttpAnswer::of(200, R"({"dry_run":true,"allowed":true})"); });
  const auto ran = drill.run({"--dry-run"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(drill.bench.last_request().body ==
        R"({"by":"ada","dry_run":true,"fault":"kill","for":"3m","target":"container/local/nginx"})");
}

TEST_CASE("a terminal shows for what the drill waits, in one line that goes before the next is printed") {
  DrillBench drill;
  drill.bench.err_width = 60;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  const std::string clear = "\r\x1b[K";
  for (const char* shown :
       {"waiting for alert NginxDown, 0ms of 30.00s", "waiting for alert NginxDown, 4.00s of 30.00s",
        "waiting for a verified heal, 6.00s of 1m00s", "waiting for the fault to be undone, 0ms of 1m00s"}) {
    CAPTURE(shown);
    CHECK(ran.err.find(clear + shown + clear) != std::string::npos);
  }
  // What is between two line ends is progress that was cleared away, and then one line of its own.
  for (const auto line : split(trim(ran.err), '\n')) {
    CAPTURE(line);
    for (std::size_t begin = 0, at = 0; at != std::string::npos; begin = at + clear.size()) {
      at = line.find(clear, begin);
      if (at != std::string::npos) CHECK(display_width(line.substr(begin, at - begin)) < 60);
      if (at == std::string::npos) CHECK(line.substr(begin).find("waiting for") == std::string::npos);
    }
  }
}

TEST_CASE("a pipe gets a line for each stage, and no progress") {
  DrillBench drill;
  const auto ran = drill.run();
  CHECK(ran.err.find_first_of("\r\x1b") == std::string::npos);
  CHECK(ran.err.starts_with("drill nginx-kill: nginx is killed.\nsteady        ok      every check holds"));
  CHECK(split(trim(ran.err), '\n').size() == 9);
}

TEST_CASE("a Prometheus that is no URL is refused before anything is looked at") {
  DrillBench drill;
  const auto ran = drill.run({"--prometheus", "localhost:9090"});
  CHECK(ran.exit == Exit::kUsage);
  CHECK(ran.err.starts_with("healctl: error: option \"--prometheus\": "));
  CHECK(drill.bench.http.requests().empty());
}

TEST_CASE("what a drill may do beyond the usual stands in its file, and production in the command") {
  std::string text = kDrill;
  text.replace(text.find("for: 3m"), 7, "for: 3m, ignore_blast_radius: true, page: true");
  DrillBench drill(text);
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults",
                      [](const auto&) { return HttpAnswer::of(200, R"({"dry_run":true,"allowed":true})"); });
  CHECK(drill.run({"--dry-run", "--yes-really"}).exit == Exit::kDone);
  CHECK(
      drill.bench.last_request().body ==
      R"({"by":"ada","dry_run":true,"fault":"kill","for":"3m","ignore_blast_radius":true,"page":true,"target":"container/local/nginx","yes_really":true})");
}

TEST_CASE("a report for CI names every stage") {
  DrillBench drill;
  const auto file = std::filesystem::temp_directory_path() / ("junit-" + std::to_string(getpid()) + ".xml");
  const auto ran = drill.run({"--junit", file.string(), "-o", "json"});
  std::ifstream in(file);
  const std::string xml((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(file);
  CHECK(xml.find("<testsuites tests=\"8\" failures=\"0\" errors=\"0\" skipped=\"0\"") != std::string::npos);
  CHECK(xml.find("classname=\"nginx-kill\" name=\"steady again\"") != std::string::npos);
  const auto json = parse_json(ran.out);
  REQUIRE(json);
  CHECK(get_bool(*json, "passed").value());
  CHECK((*json)["seconds_since_fault"]["verify"] == 8.0);
}

TEST_CASE("nothing is broken for a report that cannot be written") {
  DrillBench drill;
  const auto ran = drill.run({"--junit", "/nowhere/report.xml"});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.err == "healctl: error: /nowhere/report.xml: cannot be written\n");
  CHECK_FALSE(drill.fault_at);
}

TEST_CASE("a JUnit report escapes what comes from outside") {
  CHECK(to_junit({{"a<b", "x\"y\x01", 0.5, JunitCase::Outcome::kFailed, "m&m", "one\ntwo"}}) ==
        R"(<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="1" failures="1" errors="0" skipped="0" time="0.500">
  <testsuite name="a&lt;b" tests="1" failures="1" errors="0" skipped="0" time="0.500">
    <testcase classname="a&lt;b" name="x&quot;y" time="0.500">
      <failure message="m&amp;m">one
two
</failure>
    </testcase>
  </testsuite>
</testsuites>
)");
}

TEST_CASE("what is wrong in a drill is said at its place") {
  config::Diagnostics diagnostics;
  CHECK(!parse_drill(R"(version: 1
drill: x
steady: {checks: []}
fault: {target: nginx, kind: kill, for: 10s}
expect:
  alert: {name: A, withn: 5s}
  heal: {within: 60s}
stop_if: {any: [{http: "http://x/"}]}
)",
                     "x.yml", diagnostics));
  CHECK(diagnostics.render() == R"(x.yml:3:9: error: a steady state has at least one check
    steady: {checks: []}
            ^
x.yml:4:17: error: "target" must be a target, as container/local/nginx, not "nginx"
    fault: {target: nginx, kind: kill, for: 10s}
                    ^
x.yml:6:20: error: unknown key "withn" in the expected alert
      alert: {name: A, withn: 5s}
                       ^
hint: did you mean "within"?
x.yml:8:17: error: a drill is stopped by queries only
    stop_if: {any: [{http: "http://x/"}]}
                    ^
hint: use promql
)");
  config::Diagnostics words;
  std::string text = kDrill;
  text.replace(text.find("kind: kill"), 10, "kind: kil");
  text.replace(text.find("{playbook: restart"), 18, "{is: maybe, playbook: restart");
  CHECK(!parse_drill(text, "x.yml", words));
  CHECK(
      words.render() ==
      R"(x.yml:7:46: error: "kind" must be one of stop, kill, crash, pause, partition, dependency, unseen, loss, http-errors, bandwidth, latency, corrupt, duplicate, reorder, cpu, memory, pids, disk, silence, not "kil"
    fault: {target: container/local/nginx, kind: kil, for: 3m}
                                                 ^
x.yml:10:18: error: "is" must be a decision: one of allow, hold, refuse, stale, shadow, ask, unmatched, and which guard said so, as "hold cooldown", not "maybe"
      decision: {is: maybe, playbook: restart-container, within: 40s}
                     ^
)");
  config::Diagnostics params;
  text = kDrill;
  text.replace(text.find("kind: kill"), 10, "kind: cpu, with: {cpus: 99}");
  CHECK(!parse_drill(text, "x.yml", params));
  CHECK_THAT(params.render(),
             Catch::Contains("error: fault cpu: cpus: expected a whole number from 1 to 64, not \"99\""));
  config::Diagnostics missing;
  text = kDrill;
  text.replace(text.find("kind: kill"), 10, "kind: dependency");
  CHECK(!parse_drill(text, "x.yml", missing));
  CHECK_THAT(missing.render(), Catch::Contains("error: fault dependency needs \"to\": what it must not reach"));
  config::Diagnostics times;
  text = kDrill;
  text.replace(text.find("for: 3m"), 7, "for: 1m");
  CHECK(!parse_drill(text, "x.yml", times));
  CHECK(times.render().find("the fault is undone after 1m, before all that is expected has had its time (1m)") !=
        std::string::npos);
}

}  // namespace
}  // namespace heal::ctl
