#include <catch2/catch.hpp>

#include "tests/unit/healctl/drill_bench.h"

namespace heal::ctl {
namespace {

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
  drill.bench.http.on("GET", std::string(Bench::kApi) + "/faults",
                      [&](const auto&) { return drill.fault_at ? refused() : HttpAnswer::of(200, drill.leases()); });
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
    if (!found.fault_at) return HttpAnswer::of(200, found.leases());
    return HttpAnswer::of(200, ++looks < 5 ? R"({"faults":[]})" : found.leases());
  });
  ran = found.run();
  CHECK(ran.exit == Exit::kDone);
  CHECK(looks == 5);
}

/// The drill above, whose steady state is what Prometheus says.
std::string steady_by_query(const std::string& query = "up") {
  std::string text = kDrill;
  const std::string check = R"({http: "http://nginx:8080/healthz"})";
  return text.replace(text.find(check), check.size(), "{promql: '" + query + "', is: 1}");
}

/// A Prometheus that scrapes `up` each 15 s, if it does.
struct Scrapes {
  explicit Scrapes(DrillBench& bench) : drill(bench) {
    const std::string query = "http://localhost:9090/api/v1/query?query=";
    drill.bench.http.on("GET", query + "up", [this](const auto&) { return is_away() ? refused() : sample(value); });
    drill.bench.http.on("GET", query + "time%28%29", [this](const auto&) {
      return is_away() ? refused() : sample(fmt::format("{:.3f}", to_unix_seconds(drill.bench.clock.now() - behind)));
    });
    drill.bench.http.on("GET", query + "timestamp%28up%29", [this](const auto&) {
      return is_away() ? refused() : sample(fmt::format("{:.3f}", to_unix_seconds(last())));
    });
  }
  bool is_away() const { return ends && drill.reverted; }
  WallTime last() const {
    if (is_stuck && drill.reverted_at) return *drill.reverted_at - 1ms;
    return WallTime(drill.bench.clock.now().time_since_epoch() / 15s * 15s);
  }
  static HttpAnswer sample(const std::string& text) {
    return HttpAnswer::of(
        200, R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,")" + text +
                 R"("]}]}})");
  }

  DrillBench& drill;
  std::string value = "1";
  bool ends = false, is_stuck = false;
  Duration behind{};  ///< its clock, ours
};

TEST_CASE("a Prometheus that cannot be asked whether all is well again is no problem that persists, and no good end") {
  DrillBench drill(steady_by_query());
  Scrapes scrapes(drill);
  scrapes.ends = true;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_THAT(ran.err, Catch::Contains("steady again  unknown  promql up == 1: connection refused"));
}

TEST_CASE("what was sampled before the undo does not show that all is well again") {
  DrillBench drill(steady_by_query());
  Scrapes scrapes(drill);
  SECTION("the first scrape after it does, and the report names it") {
    const auto ran = drill.run();
    CHECK(ran.exit == Exit::kDone);
    const WallTime scraped = scrapes.last();
    CHECK(scraped > *drill.reverted_at);
    CHECK(drill.bench.clock.now() - scraped < 1s);
    CHECK_THAT(ran.out, Catch::Contains(fmt::format(
                            "every check holds; promql up == 1 by what was sampled {} after the undo, at {}\n",
                            format_duration_short(scraped - *drill.reverted_at), format_rfc3339(scraped))));
  }
  SECTION("and without one it cannot be told") {
    scrapes.is_stuck = true;
    const auto ran = drill.run();
    CHECK(ran.exit == Exit::kUnreachable);
    CHECK_THAT(ran.err, Catch::Contains("steady again  unknown  promql up == 1: no sample is newer than the undo yet"));
  }
  SECTION("a fresh sample that says no is a problem that persists") {
    drill.on_look = [&] {
      if (drill.fault_at) scrapes.value = "0";
    };
    const auto ran = drill.run();
    CHECK(ran.exit == Exit::kPersists);
    CHECK_THAT(ran.err, Catch::Contains("steady again  failed  promql up == 1: does not hold"));
  }
}

TEST_CASE("a steady state that could never be seen again costs no fault") {
  struct Case {
    std::string query, text;
  };
  const auto c = GENERATE(values<Case>({
      {"vector(1)", "promql vector(1) == 1: it reads no samples, and says nothing of the target"},
      {"rate(x[20s])",
       "promql rate(x[20s]) == 1: it looks back 20s, and must not see what was before the undo, but is "
       "asked for 20s after it"},
      {"x @ 1", "promql x @ 1 == 1: cannot be seen to hold again after the fault: "},
  }));
  CAPTURE(c.query);
  DrillBench drill(steady_by_query(c.query));
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK_FALSE(drill.fault_at);
  CHECK_THAT(ran.err, Catch::Contains(c.text));
}

TEST_CASE("a steady state of series that are not there when all is well costs no fault") {
  DrillBench drill(steady_by_query("absent(down)"));
  Scrapes scrapes(drill);
  drill.bench.http.on("GET", "http://localhost:9090/api/v1/query?query=absent%28down%29",
                      [](const auto&) { return Scrapes::sample("1"); });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_FALSE(drill.fault_at);
  CHECK_THAT(ran.err, Catch::Contains("promql absent(down) == 1: down has no samples: it could not be seen to hold "
                                      "again after the fault"));
}

TEST_CASE("a query that looks back is fresh by Prometheus' clock, whatever ours says") {
  DrillBench drill(steady_by_query("max_over_time(up[15s])"));
  Scrapes scrapes(drill);
  drill.bench.http.on("GET", "http://localhost:9090/api/v1/query?query=max_over_time%28up%5B15s%5D%29",
                      [](const auto&) { return Scrapes::sample("1"); });
  scrapes.behind = 1min;  // as seen from here
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_THAT(ran.err, Catch::Contains("it looks back 15s, to before the end of the undo"));
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

TEST_CASE("an incident of another target that waited before the fault and is acted on during the drill fails it") {
  DrillBench drill;
  drill.waiting = healed_incident();
  drill.waiting->id = "01J8ZQ4T9M5V6W7X8Y9ZWA1T1N";
  drill.waiting->target = TargetId{"container", "local", "other"};
  drill.waiting->state = IncidentState::kHeld;
  SECTION("as its first action") {
    drill.waiting->times.acted_at.reset();
    drill.on_look = [&] {
      if (drill.fault_at) drill.waiting->times.acted_at = drill.bench.clock.now();
    };
    CHECK_THAT(drill.run().err, Catch::Contains("untouched     failed  container/local/other was acted on as well"));
  }
  SECTION("once more") {
    drill.on_look = [&] {
      if (!drill.fault_at || !drill.waiting_timeline.empty()) return;
      TimelineEntry step = moved_to(*drill.waiting, IncidentState::kExecuting, 1, "restart");
      step.kind = "step_intent";
      step.at = *drill.fault_at + 1s;
      drill.waiting_timeline = {step};
    };
    CHECK_THAT(drill.run().err, Catch::Contains("untouched     failed  container/local/other was acted on as well"));
  }
  SECTION("before, but not since") {
    CHECK(drill.run().exit == Exit::kDone);
  }
  CHECK(drill.reverted);
}

TimelineEntry entry_of(const Incident& incident, const char* kind, WallTime at, const Json& data) {
  TimelineEntry entry;
  entry.at = at;
  entry.incident_id = incident.id;
  entry.kind = kind;
  entry.data = dump(data);
  return entry;
}

/// As the service tells that the steps of an incident begin.
TimelineEntry began_by(const char* event, const Incident& incident, WallTime at) {
  return entry_of(incident, "state", at, Json{{"from", "recovered"}, {"to", "executing"}, {"event", event}});
}

TEST_CASE("what a heal from before the fault does when its alerts resolve is not held against the drill") {
  struct Case {
    const char* name;
    IncidentState state;
    const char *reason, *begun_by;
    bool is_held_against;
  };
  const auto c = GENERATE(values<Case>({
      {"on the way back", IncidentState::kExecuting, "all_resolved", "after", false},
      {"on the way back, half-done", IncidentState::kExecuting, "lever_engaged", "after", false},
      {"back", IncidentState::kClosed, "on_resolved_done", "after", false},
      {"the way back failed", IncidentState::kFailed, "step_failed", "after", false},
      {"healed once more", IncidentState::kExecuting, "allow", "start", true},
  }));
  CAPTURE(c.name);
  DrillBench drill;
  drill.waiting = healed_incident();
  drill.waiting->id = "01J8ZQ4T9M5V6W7X8Y9ZWA1T1N";
  drill.waiting->target = TargetId{"container", "local", "other"};
  drill.waiting->state = IncidentState::kRecovered;
  drill.waiting->reason = "waits_for_resolve";
  drill.waiting_timeline = {began_by("start", *drill.waiting, drill.bench.clock.now() - 1min),
                            entry_of(*drill.waiting, "step_intent", drill.bench.clock.now() - 1min, Json::object())};
  drill.on_look = [&] {
    if (!drill.fault_at || drill.waiting_timeline.size() > 2) return;
    drill.waiting->state = c.state;
    drill.waiting->reason = c.reason;
    drill.waiting_timeline.push_back(began_by(c.begun_by, *drill.waiting, *drill.fault_at + 1s));
    drill.waiting_timeline.push_back(
        entry_of(*drill.waiting, "step_intent", *drill.fault_at + 1s, Json{{"step_id", "standby"}}));
  };
  const auto ran = drill.run();
  CHECK(drill.waiting_timeline.size() == 4);
  CHECK(ran.exit == (c.is_held_against ? Exit::kFailed : Exit::kDone));
  const char* told = c.is_held_against ? "untouched     failed  container/local/other was acted on as well"
                                       : "untouched     ok      nothing else was touched";
  CHECK_THAT(ran.err, Catch::Contains(told));
}

TEST_CASE("nothing is broken while the target has an incident that is not over") {
  DrillBench drill;
  drill.waiting = healed_incident();
  drill.waiting->state = IncidentState::kHeld;
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kFailed);
  CHECK(!drill.fault_at);
  CHECK_THAT(ran.err, Catch::Contains("container/local/nginx has an open incident already: "));
}

TEST_CASE("more incidents than can be looked at leave open what else was touched") {
  DrillBench drill;
  std::vector<Incident> many(200, healed_incident());
  for (Incident& one : many)
    one.times.acted_at.reset();
  std::size_t page = 0;
  drill.on_look = [&] {
    if (!drill.fault_at || drill.bench.clock.now() < *drill.fault_at + 8s) return;
    drill.bench.http.on("GET", std::string(Bench::kApi) + "/incidents?*", [&](const auto&) {
      return HttpAnswer::of(200, list_of(many, "page" + std::to_string(++page)));
    });
  };
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK_THAT(ran.err, Catch::Contains("untouched     unknown  there were more than 1000 incidents"));
  CHECK(page == 5);
}

void lose_answer(DrillBench& drill) {
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults", [&](const auto&) {
    drill.fault_at = drill.bench.clock.now() + drill.looks_for;
    return HttpAnswer::failing(make_error(ErrorCode::kTimeout, "no answer"));
  });
}

TEST_CASE("an answer to the injection that is lost is undone all the same, and nothing but that") {
  DrillBench drill;
  drill.owner = GENERATE("ada", "ops (ada)");
  drill.looks_for = GENERATE(Duration(0), Duration(10s));
  lose_answer(drill);
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnknown);
  CHECK(drill.revert_request == R"({"by":"ada","id":"01J8FAULT"})");
  CHECK_THAT(ran.err, Catch::Contains("revert        ok      the fault is undone, and that was verified"));
}

TEST_CASE("a fault of others on the target is left alone when the answer to the injection is lost") {
  struct Case {
    const char* name;
    std::function<void(DrillBench&, FaultLease&)> change;
  };
  const auto c = GENERATE(values<Case>({
      {"none at all", [](DrillBench& drill, FaultLease&) { drill.other_leases.clear(); }},
      {"by another", [](DrillBench&, FaultLease& lease) { lease.owner = "eve"; }},
      {"of another kind", [](DrillBench&, FaultLease& lease) { lease.kind = "stop"; }},
      {"for another time", [](DrillBench&, FaultLease& lease) { lease.deadline += 1s; }},
      {"of another target", [](DrillBench&, FaultLease& lease) { lease.target.name = "db"; }},
      {"there before", [](DrillBench& drill, FaultLease& lease) { drill.other_leases = {lease}; }},
  }));
  CAPTURE(c.name);
  DrillBench drill;
  drill.is_ours_told = false;
  drill.fault_at = drill.bench.clock.now();
  FaultLease other = drill.lease();
  drill.fault_at.reset();
  other.id = "01J8OTHER";
  c.change(drill, other);
  const bool is_new = std::string(c.name) != "none at all" && drill.other_leases.empty();
  drill.bench.http.on("POST", std::string(Bench::kApi) + "/faults", [&](const auto&) {
    if (is_new) drill.other_leases = {other};
    return HttpAnswer::failing(make_error(ErrorCode::kTimeout, "no answer"));
  });
  const auto ran = drill.run();
  CHECK(ran.exit == Exit::kUnknown);
  CHECK_FALSE(drill.reverted);
  CHECK_THAT(ran.err,
             Catch::Contains("revert        unknown  no fault of this drill is known to the service; should it "
                             "begin one yet, that ends after 3m at the latest"));
}

TEST_CASE("nothing is broken while the service does not tell which faults there are") {
  DrillBench drill;
  drill.bench.http.on("GET", std::string(Bench::kApi) + "/faults", [](const auto&) { return refused(); });
  CHECK(drill.run().exit == Exit::kUnreachable);
  CHECK(!drill.fault_at);
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

}  // namespace
}  // namespace heal::ctl
