#include "healctl/drill/drill.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/output/junit.h"
#include "healctl/output/text.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

constexpr const char* kDrill = R"(version: 1
drill: nginx-kill
summary: nginx is killed.
steady:
  checks: [{http: "http://nginx:8080/healthz"}]
  within: 20s
fault: {target: container/local/nginx, kind: kill, for: 3m}
expect:
  alert: {name: NginxDown, within: 30s}
  decision: {playbook: restart-container, within: 40s}
  heal: {within: 60s}
stop_if: {any: [{promql: 'vector(0) > 1'}], every: 2s}
)";

/// A heal-webhook that hears of an alert some time after the fault and heals after that, and a service that is down
/// between the two.
class DrillBench {
 public:
  explicit DrillBench(const std::string& text = kDrill) {
    file_ = std::filesystem::temp_directory_path() / ("drill-" + std::to_string(getpid()) + ".yml");
    std::ofstream(file_) << text;
    bench.http.on("GET", "http://nginx:8080/healthz",
                  [this](const auto&) { return HttpAnswer::of(is_down() ? 503 : 200); });
    bench.http.on("GET", "http://localhost:9090/api/v1/query*", [this](const auto&) {
      if (stop_after && fault_at && bench.clock.now() - *fault_at >= *stop_after)
        return HttpAnswer::of(200, kOneSample);
      return HttpAnswer::of(200, R"({"status":"success","data":{"resultType":"vector","result":[]}})");
    });
    bench.http.on("POST", std::string(Bench::kApi) + "/faults", [this](const auto&) {
      fault_at = bench.clock.now();
      return HttpAnswer::of(201, dump(Json{{"fault", to_json(lease())}}));
    });
    bench.http.on("POST", std::string(Bench::kApi) + "/faults/revert", [this](const auto&) {
      reverted = true;
      return HttpAnswer::of(200, leases());
    });
    bench.http.on("GET", std::string(Bench::kApi) + "/faults",
                  [this](const auto&) { return HttpAnswer::of(200, leases()); });
    bench.http.on("GET", std::string(Bench::kApi) + "/incidents*", [this](const HttpClientRequest& request) {
      on_look();
      if (request.url.find("/incidents?") != std::string::npos) return HttpAnswer::of(200, list_of(incidents()));
      const bool is_of_first = request.url.find(kFirst) != std::string::npos;
      return HttpAnswer::of(200, is_of_first ? story_of(stale_incident(), {decided("stale")}, {}) : story());
    });
  }
  ~DrillBench() { std::filesystem::remove(file_); }

  Ran run(std::vector<std::string> more = {}) {
    std::vector<std::string> args{"drill", "run", file_.string()};
    args.insert(args.end(), more.begin(), more.end());
    return bench.run(args);
  }

  Bench bench;
  std::optional<Duration> alert_after = 5s, heal_after = 8s, act_after, stop_after;
  std::optional<WallTime> fault_at;
  bool reverted = false;
  bool touches_another = false;
  bool is_well_at_first = false;  ///< a first incident was stale: nothing was wrong when it was looked at
  std::function<void()> on_look = [] {};

  std::string leases() { return dump(Json{{"faults", Json::array({to_json(lease())})}}); }

 private:
  static constexpr const char* kFirst = "01J8ZQ4T9M5V6W7X8Y9ZFIRST0";
  static constexpr const char* kOneSample =
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}})";

  bool passed(const std::optional<Duration>& after) {
    return fault_at && after && bench.clock.now() >= *fault_at + *after;
  }
  bool is_down() { return fault_at && !passed(heal_after) && !reverted; }
  FaultLease lease() {
    FaultLease out;
    out.id = "01J8FAULT";
    out.kind = "kill";
    out.target = {"container", "local", "nginx"};
    out.state = reverted ? FaultLease::State::kReverted : FaultLease::State::kApplied;
    out.injected_at = *fault_at;
    out.deadline = *fault_at + 3min;
    return out;
  }
  Incident incident() {
    Incident out = healed_incident();
    out.times = {};
    out.times.failed_at = *fault_at;
    out.times.detected_at = *fault_at + *alert_after;
    out.times.decided_at = *fault_at + *alert_after + 100ms;
    const auto acted_at = act_after ? *fault_at + *act_after : *out.times.decided_at;
    if (bench.clock.now() >= acted_at) out.times.acted_at = acted_at;
    out.state = IncidentState::kVerifying;
    if (passed(heal_after)) {
      out.state = IncidentState::kRecovered;
      out.times.verified_at = *fault_at + *heal_after;
    }
    return out;
  }
  /// The newest first, as the service lists them.
  std::vector<Incident> incidents() {
    std::vector<Incident> out;
    if (passed(alert_after)) out.push_back(incident());
    if (is_well_at_first && passed(1s)) out.push_back(stale_incident());
    if (out.empty()) return out;
    if (touches_another) {
      out.push_back(incident());
      out.back().target = TargetId{"container", "local", "other"};
    }
    return out;
  }
  Incident stale_incident() {
    Incident out = healed_incident();
    out.id = kFirst;
    out.state = IncidentState::kStale;
    out.reason = "healthy";
    out.times = {};
    out.times.detected_at = *fault_at + 1s;
    return out;
  }
  TimelineEntry decided(const char* result) {
    TimelineEntry decision;
    decision.at = *fault_at + *alert_after + 100ms;
    decision.incident_id = incident().id;
    decision.kind = "decision";
    decision.message = "as the guards have it";
    decision.data = dump(Json{{"result", result}, {"guard", "none"}});
    return decision;
  }
  std::string story() {
    Episode episode;
    episode.key = "am:1";
    episode.source = "alertmanager";
    episode.name = "NginxDown";
    episode.received_at = *fault_at + *alert_after;
    return story_of(incident(), {decided("allow")}, {episode});
  }

  std::filesystem::path file_;
};

TEST_CASE(
    "a drill breaks, sees the alert, the decision and the heal, undoes the fault and finds everything as before") {
  DrillBench drill;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(drill.reverted);
  CHECK(ran.out == R"(STAGE         RESULT     AT  WITHIN
steady        ok          -       -  every check holds, and no incident is open
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

TEST_CASE("a stop condition that becomes true ends the drill and undoes the fault") {
  DrillBench drill;
  drill.alert_after = 20s;
  drill.stop_after = 6s;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(drill.reverted);
  CHECK(ran.out.find("the stop condition is true: promql vector(0) > 1") != std::string::npos);
}

TEST_CASE("one sample is enough to stop a drill, and one that is no number leaves nobody knowing") {
  struct Case {
    const char* name;
    std::vector<const char*> values;
    Exit exit;
  };
  const auto c = GENERATE(values<Case>({{"none", {}, Exit::kDone},
                                        {"all below", {"0.05", "0"}, Exit::kDone},
                                        {"one above", {"0.9", "0.0"}, Exit::kFailed},
                                        {"one above, one NaN", {"NaN", "0.9"}, Exit::kFailed},
                                        {"one NaN", {"0.0", "NaN"}, Exit::kUnreachable}}));
  CAPTURE(c.name);
  std::string text = kDrill;
  const std::string query = "{promql: 'vector(0) > 1'}";
  DrillBench drill(text.replace(text.find(query), query.size(), "{promql: error_ratio, gt: 0.1}"));
  Json result = Json::array();
  for (const char* value : c.values)
    result.push_back({{"metric", Json::object()}, {"value", Json::array({1, value})}});
  const std::string answer =
      dump(Json{{"status", "success"}, {"data", {{"resultType", "vector"}, {"result", result}}}});
  drill.bench.http.on("GET", "http://localhost:9090/api/v1/query*",
                      [answer](const auto&) { return HttpAnswer::of(200, answer); });
  CHECK(drill.run().exit == c.exit);
  CHECK(drill.fault_at.has_value() == (c.exit == Exit::kDone));
}

TEST_CASE("a stop condition that cannot be asked is a stop") {
  DrillBench drill;
  drill.bench.http.on("GET", "http://localhost:9090/api/v1/query*",
                      [](const auto&) { return HttpAnswer::of(500, "no"); });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(!drill.fault_at);
  CHECK(ran.out.find("the stop condition cannot be asked") != std::string::npos);
}

/// What nobody can be asked about after the fault, and so says nothing of how it ended.
HttpAnswer refused() {
  return HttpAnswer::failing(make_error(ErrorCode::kUnreachable, "connection refused"));
}

TEST_CASE("a service that cannot be reached while the drill waits leaves open what came of the fault") {
  DrillBench drill;
  drill.alert_after.reset();
  drill.heal_after.reset();
  drill.on_look = [&] {
    if (!drill.fault_at) return;
    drill.bench.http.on("GET", std::string(Bench::kApi) + "/incidents*", [](const auto&) { return refused(); });
  };
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(drill.reverted);
  CHECK_THAT(ran.err, Catch::Contains("alert         unknown  not within 30s: ") && Catch::Contains("refused"));
}

TEST_CASE("a fault of which nobody says that it is undone leaves the drill's end open") {
  DrillBench drill;
  drill.bench.http.on("GET", std::string(Bench::kApi) + "/faults", [](const auto&) { return refused(); });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_THAT(ran.err, Catch::Contains("revert        unknown  ") &&
                          Catch::Contains("the service goes on, at the latest when the lease ends after 3m"));
}

TEST_CASE("a lease that the service has forgotten is not taken for a fault that is undone, unless it comes back") {
  DrillBench drill;
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults/revert", [](const auto&) {
    return HttpAnswer::of(404, R"({"error":{"code":"not_found","message":"no fault 01J8FAULT"}})");
  });
  drill.bench.http.on("GET", std::string(Bench::kApi) + "/faults",
                      [](const auto&) { return HttpAnswer::of(200, R"({"faults":[]})"); });
  auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK_THAT(ran.err, Catch::Contains("revert        failed  the service knows lease 01J8FAULT no more: whether the "
                                      "fault is undone cannot be told (POST "));

  DrillBench found;
  int looks = 0;
  found.bench.http.on("GET", std::string(Bench::kApi) + "/faults", [&](const auto&) {
    return HttpAnswer::of(200, ++looks < 5 ? R"({"faults":[]})" : found.leases());
  });
  ran = found.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(looks == 5);
}

/// The drill above, whose steady state is what Prometheus says.
std::string steady_by_query() {
  std::string text = kDrill;
  const std::string check = R"({http: "http://nginx:8080/healthz"})";
  return text.replace(text.find(check), check.size(), "{promql: up, is: 1}");
}

TEST_CASE("a Prometheus that cannot be asked whether all is well again is no problem that persists, and no good end") {
  DrillBench drill(steady_by_query());
  const auto up = [](const char* value) {
    return HttpAnswer::of(200, std::string(R"({"status":"success","data":{"resultType":"vector","result":[)") +
                                   R"({"metric":{},"value":[1,")" + value + R"("]}]}})");
  };
  HttpAnswer afterwards = refused();
  drill.bench.http.on("GET", "http://localhost:9090/api/v1/query?query=up",
                      [&](const auto&) { return drill.reverted ? afterwards : up("1"); });
  auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_THAT(ran.err, Catch::Contains("steady again  unknown  promql up == 1: connection refused"));
  drill.fault_at.reset();
  drill.reverted = false;
  afterwards = up("0");
  CHECK(drill.run().exit == Exit::kPersists);
}

TEST_CASE("a service that refuses connections after the drill is the problem that persists") {
  DrillBench drill;
  drill.bench.http.on("GET", "http://nginx:8080/healthz",
                      [&](const auto&) { return drill.reverted ? refused() : HttpAnswer::of(200); });
  CHECK(drill.run().exit == Exit::kPersists);
}

TEST_CASE("nothing is broken where the steady state does not hold") {
  DrillBench drill;
  drill.bench.http.on("GET", "http://nginx:8080/healthz", [](const auto&) { return HttpAnswer::of(500); });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(!drill.fault_at);
  CHECK(ran.out.find("GET http://nginx:8080/healthz: does not hold") != std::string::npos);
}

TEST_CASE("a heal of anything else fails the drill") {
  DrillBench drill;
  drill.touches_another = true;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out.find("container/local/other was acted on as well") != std::string::npos);
  CHECK(drill.reverted);
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

TEST_CASE("an answer to the injection that is lost is undone all the same") {
  DrillBench drill;
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults", [&](const auto&) {
    drill.fault_at = drill.bench.clock.now();
    return HttpAnswer::failing(make_error(ErrorCode::kTimeout, "no answer"));
  });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnknown);
  CHECK(drill.reverted);
}

TEST_CASE("a fault that the service refuses exits 4, and there is nothing to undo") {
  DrillBench drill;
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults", [](const auto&) {
    return HttpAnswer::of(403, R"({"error":{"code":"refused","message":"heal.simulate is not allow"}})");
  });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kRefused);
  CHECK(!drill.reverted);
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
