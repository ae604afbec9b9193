#include <tuple>

#include <catch2/catch.hpp>

#include "common/wire/alertmanager.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

const std::string kTarget = "container/local/nginx";

FaultLease lease(FaultLease::State state) {
  return {.id = "01J8FAULT",
          .kind = "pause",
          .target = {"container", "local", "nginx"},
          .state = state,
          .injected_at = FakeClock::kStart - 10s,
          .deadline = FakeClock::kStart + 50s,
          .owner = "ada",
          .original = "",
          .undo = "",
          .last_error = ""};
}

std::string fault_of(FaultLease::State state) {
  return text_of(Json{{"fault", to_json(lease(state))}});
}
std::string faults_of(std::vector<FaultLease> leases) {
  Json list = Json::array();
  for (const auto& one : leases)
    list.push_back(to_json(one));
  return text_of(Json{{"faults", list}});
}

TEST_CASE("the exit code tells what the service said") {
  struct Case {
    int status;
    std::string body;
    Exit exit;
    std::string err;
  };
  const std::string request = "healctl: error: GET http://localhost:9095/api/v1/incidents?limit=50: ";
  const auto c = GENERATE_COPY(values<Case>({
      {401, "", Exit::kUnreachable,
       "credentials are missing or wrong\nhint: give --user and --password-file, or set them in healctl's "
       "configuration\n"},
      {403, R"({"error":{"code":"unauthorized","message":"needs the role view"}})", Exit::kRefused,
       "needs the role view\n"},
      {400, R"({"error":{"code":"invalid","message":"bad since"}})", Exit::kFailed, "bad since\n"},
      {409, R"({"error":{"code":"refused","message":"paused"}})", Exit::kRefused, "paused\n"},
      {503, R"({"error":{"code":"storage","message":"the disk is full"}})", Exit::kUnreachable, "the disk is full\n"},
      {404, "<html>nginx</html>", Exit::kUnreachable,
       "answered 404, and not as heal-webhook does\nhint: does --server name a heal-webhook?\n"},
      {200, "<html>", Exit::kUnreachable,
       "the answer is not JSON: not accepted as JSON at line 1, column 1 (byte 0): invalid literal; last read: "
       "'<'\nhint: does --server name a heal-webhook?\n"},
      {200, "[]", Exit::kUnreachable, "the answer is no object but array\nhint: does --server name a heal-webhook?\n"},
      {500, R"({"error":{"code":"internal","message":"\u001b[2Jboo"}})", Exit::kUnreachable, "\\x1b[2Jboo\n"},
  }));
  CAPTURE(c.status, c.body);
  Bench bench;
  bench.on("GET", "/incidents?limit=50", c.status, c.body);
  CHECK(bench.run({"incidents", "list"}) == Ran{c.exit, "", request + c.err});
}

TEST_CASE("a service that is not there is said so") {
  Bench bench;
  bench.http.on("GET", "http://*", HttpAnswer::failing(Error(ErrorCode::kUnavailable, "connection refused")));
  CHECK(
      bench.run({"incidents", "list"}) ==
      Ran{Exit::kUnreachable, "",
          "healctl: error: connection refused\n"
          "hint: is heal-webhook running there? \"healctl doctor\" looks; --server or HEALCTL_SERVER names another\n"});
}

TEST_CASE("a change whose answer did not come is unknown, not failed") {
  Bench bench;
  bench.http.on("POST", "http://*", HttpAnswer::of(202, "{}", 1min));
  const auto ran = bench.run({"heal", "restart", "--target", kTarget, "--timeout", "5s"});
  CHECK(ran.exit == Exit::kUnknown);
  CHECK(ran.err.find("hint: it may have been done all the same") != std::string::npos);
}

TEST_CASE("incidents that are none end in a clear error") {
  struct Case {
    std::string body, error;
  };
  const auto c = GENERATE(values<Case>({
      {R"({})", "/incidents: is missing (expected an array)"},
      {R"({"incidents":{}})", "/incidents: expected an array, got object"},
      {R"({"incidents":[7]})", ""},
      {R"({"incidents":[{"id":"x","state":"dancing"}]})", ""},
  }));
  CAPTURE(c.body);
  Bench bench;
  bench.on("GET", "/incidents?limit=50", 200, c.body);
  const auto ran = bench.run({"incidents", "list"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.out.empty());
  CHECK(ran.err.starts_with("healctl: error: GET /incidents: /incidents"));
}

TEST_CASE("the list follows the cursor and asks for no more than wanted") {
  Bench bench;
  auto first = healed_incident(), second = healed_incident();
  second.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEE";
  bench.on(
      "GET",
      "/incidents?state=recovered%2Cfailed&target=container%2Flocal%2Fnginx&since=2030-01-01T03%3A04%3A05Z&limit=2",
      200, list_of({first}, "c 1"));
  bench.on("GET",
           "/incidents?state=recovered%2Cfailed&target=container%2Flocal%2Fnginx&since=2030-01-01T03%3A04%3A05Z&limit="
           "1&cursor=c%201",
           200, list_of({second}, "c2"));
  const auto ran = bench.run({"incidents", "list", "--state", "recovered", "--state", "failed", "--target", kTarget,
                              "--since", "24h", "--limit", "2", "-o", "json"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.err == "only the newest 2 are shown: --limit shows more\n");
  const auto shown = parse_json(ran.out);
  REQUIRE(shown);
  CHECK(*shown == Json{{"incidents", {to_json(first), to_json(second)}}});
}

TEST_CASE("heal sends what was asked and gives the incident's id") {
  Bench bench;
  bench.on("POST", "/heals", 202, R"({"incident":"01J8"})");
  CHECK(bench.run({"heal", "restart-container", "--target", kTarget, "--set", "grace=2s", "--set", "note=a=b"}) ==
        Ran{Exit::kDone, "01J8\n", "accepted; \"healctl incidents show 01J8\" tells how it goes\n"});
  CHECK(
      bench.last_request().body ==
      R"({"by":"ada","dry_run":false,"params":{"grace":"2s","note":"a=b"},"playbook":"restart-container","target":"container/local/nginx"})");
}

TEST_CASE("heal refuses what is no target or parameter before it asks") {
  Bench bench;
  CHECK(bench.run({"heal", "p", "--target", "../etc"}).exit == Exit::kUsage);
  CHECK(bench.run({"heal", "p", "--target", kTarget, "--set", "grace"}).err ==
        "healctl: error: option \"--set\": expected NAME=VALUE, got \"grace\"\n"
        "Run \"healctl heal --help\" for how to use it.\n");
  CHECK(bench.http.requests().empty());
}

TEST_CASE("heal --wait tells the story and ends as the incident did") {
  struct Case {
    IncidentState state;
    Exit exit;
  };
  const auto c = GENERATE(values<Case>({{IncidentState::kRecovered, Exit::kDone},
                                        {IncidentState::kStale, Exit::kDone},
                                        {IncidentState::kSuppressed, Exit::kRefused},
                                        {IncidentState::kUnmatched, Exit::kRefused},
                                        {IncidentState::kAwaitingApproval, Exit::kWaiting},
                                        {IncidentState::kInterrupted, Exit::kUnknown},
                                        {IncidentState::kFailed, Exit::kPersists},
                                        {IncidentState::kEscalated, Exit::kPersists},
                                        {IncidentState::kCancelled, Exit::kFailed}}));
  CAPTURE(to_string(c.state));
  Bench bench;
  bench.on("POST", "/heals", 202, R"({"incident":"01J8"})");
  auto begun = healed_incident(), ended = healed_incident();
  begun.state = IncidentState::kExecuting;
  ended.state = c.state;
  const auto first = moved_to(begun, IncidentState::kExecuting, 1, "restarting");
  const auto second = moved_to(ended, c.state, 2, "over");
  bench.on("GET", "/incidents/01J8", 200, story_of(begun, {first}));
  bench.on("GET", "/incidents/01J8", 200, story_of(ended, {first, second}));
  const auto ran = bench.run({"heal", "p", "--target", kTarget, "--wait"});
  CHECK(ran.exit == c.exit);
  CHECK(ran.err == "incident 01J8\n03:04:05.100Z  state         restarting\n03:04:05.200Z  state         over\n");
  CHECK(ran.out ==
        fmt::format("01J8ZQ4T9M5V6W7X8Y9ZABCDEF  {}  health of container/local/nginx passed 2 times (in 2.10s)\n",
                    to_string(c.state)));
}

TEST_CASE("heal --wait outlasts a service that is away for a moment, and gives up in time") {
  Bench bench;
  bench.on("POST", "/heals", 202, R"({"incident":"01J8"})");
  auto begun = healed_incident();
  begun.state = IncidentState::kVerifying;
  const auto url = std::string(Bench::kApi) + "/incidents/01J8";
  bench.http.on("GET", url, HttpAnswer::failing(Error(ErrorCode::kUnavailable, "connection refused")));
  bench.http.on("GET", url, HttpAnswer::failing(Error(ErrorCode::kUnavailable, "connection refused")));
  bench.http.on("GET", url, HttpAnswer::of(200, story_of(begun)));
  const auto ran = bench.run({"heal", "p", "--target", kTarget, "--wait", "--timeout", "10s"});
  CHECK(ran.exit == Exit::kUnknown);
  CHECK(ran.err ==
        "incident 01J8\nconnection refused; trying again\n"
        "healctl: error: incident 01J8 was not over in time\n"
        "hint: it goes on without us: \"healctl incidents show\" tells how it ended\n");
}

TEST_CASE("heal --dry-run shows the plan and whether it would run") {
  Bench bench;
  bench.on("POST", "/heals", 200,
           R"({"dry_run":true,"reason":"allowed","message":"nothing speaks against it","decision":{"result":"allow"},)"
           R"("plan":{},"explain":"1. restart\n   docker.restart \u001b[2J\n"})");
  CHECK(bench.run({"heal", "p", "--target", kTarget, "--dry-run"}) ==
        Ran{Exit::kDone, "would run (allowed): nothing speaks against it\n\n1. restart\n   docker.restart \\x1b[2J\n",
            ""});
  Bench refusing;
  refusing.on("POST", "/heals", 200,
              R"({"dry_run":true,"reason":"cooldown","message":"2m left","decision":{"result":"hold"},"plan":null})");
  CHECK(refusing.run({"heal", "p", "--target", kTarget, "--dry-run"}) ==
        Ran{Exit::kRefused, "would not run (cooldown): 2m left\n", ""});
}

TEST_CASE("simulate-up without a fault is done already") {
  Bench bench;
  bench.on("POST", "/faults/revert", 404, R"({"error":{"code":"not_found","message":"no fault on it"}})");
  CHECK(bench.run({"simulate-up", kTarget}) == Ran{Exit::kDone, "", "no fault is active there\n"});
}

TEST_CASE("doctor shows what the service itself cannot reach") {
  Bench bench;
  bench.on("GET", "/status", 200,
           R"({"version":"0.1.0","accepting":false,"config":{"playbooks":0},"store":{"reachable":true},)"
           R"("engines":[{"name":"local","reachable":false,"error":"permission denied"}],)"
           R"("prometheus":{"reachable":false,"error":"refused"},)"
           R"("alertmanagers":[{"url":"http://am:9093","reachable":false,"error":"timed out"}]})");
  bench.on("GET", "/journal", 200, R"({"intact":false,"first_altered":7})");
  const auto ran =
      bench.run({"doctor", "--skip", "prometheus", "--skip", "alertmanager", "--skip", "exporter", "--skip", "docker"});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "ok    service       http://localhost:9095, version 0.1.0\n"
        "warn  service       it takes no alerts now\n"
        "                    → it is starting or stopping: look again in a moment\n"
        "fail  service       it cannot reach the engine local: permission denied\n"
        "                    → give it the engine's socket: engines in heal.yml\n"
        "fail  service       it cannot reach Prometheus: refused\n"
        "                    → see prometheus.url in heal.yml\n"
        "fail  service       it cannot reach Alertmanager http://am:9093: timed out\n"
        "                    → see alertmanagers in heal.yml\n"
        "warn  service       it has no playbooks\n"
        "                    → see playbooks in heal.yml\n"
        "fail  journal       entry 7 was altered, or is missing\n"
        "                    → trust nothing from that entry on; keep a copy of --storage.path and find out who wrote "
        "to it\n");
}

TEST_CASE("an incident that was too long for one answer is shown with what is missing and where it is") {
  Bench bench;
  const auto incident = healed_incident();
  auto story = parse_json(story_of(incident, {moved_to(incident, IncidentState::kRecovered, 7, "healthy")})).value();
  story["timeline_total"] = 20001;
  story["timeline_cursor"] = "7";
  Episode episode;
  episode.name = "NginxDown";
  story["episodes"] = Json::array({to_json(episode)});
  story["episodes_total"] = 20000;
  bench.on("GET", "/incidents/" + incident.id, 200, dump(story));
  const auto ran = bench.run({"incidents", "show", incident.id});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.out.find("\n19999 earlier ones are not shown\n") != std::string::npos);
  CHECK(ran.out.ends_with("\n20000 entries in between are not shown: GET http://localhost:9095/api/v1/incidents/" +
                          incident.id + "/timeline?cursor=7\n"));
}

TEST_CASE("a change that was sent and got no answer is unknown, one that was refused is not") {
  const std::string may_be_done =
      "hint: it may have been done all the same: look at \"healctl incidents list\" and \"healctl faults list\" before "
      "you try again\n";
  const auto failing = [](ErrorCode code) { return HttpAnswer::failing(Error(code, "as told")); };
  const auto said = [](int status, const char* code) {
    return HttpAnswer::of(status, fmt::format(R"({{"error":{{"code":"{}","message":"as told"}}}})", code));
  };
  const std::vector<std::tuple<HttpAnswer, Exit, bool>> cases{
      {failing(ErrorCode::kUnreachable), Exit::kUnreachable, false},
      {failing(ErrorCode::kUnavailable), Exit::kUnknown, true},
      {failing(ErrorCode::kTimeout), Exit::kUnknown, true},
      {failing(ErrorCode::kProtocol), Exit::kUnknown, true},
      {failing(ErrorCode::kTooLarge), Exit::kUnknown, true},
      {failing(ErrorCode::kCancelled), Exit::kInterrupted, true},
      {HttpAnswer::of(502, "<html>bad gateway</html>"), Exit::kUnknown, true},
      {HttpAnswer::of(202, "[]"), Exit::kUnknown, true},
      {HttpAnswer::of(202, "{}"), Exit::kUnknown, true},
      {said(503, "unavailable"), Exit::kUnreachable, false},
      {said(503, "storage"), Exit::kUnreachable, false},
      {said(503, "timeout"), Exit::kUnknown, true},
      {said(409, "conflict"), Exit::kRefused, false},
      {said(400, "invalid"), Exit::kFailed, false},
      {HttpAnswer::of(401, "no"), Exit::kUnreachable, false},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const auto& [answer, exit, is_open] = cases[i];
    Bench bench;
    bench.http.on("POST", std::string(Bench::kApi) + "/heals", answer);
    const auto ran = bench.run({"heal", "p", "--target", kTarget});
    CHECK(ran.exit == exit);
    CHECK(ran.err.ends_with(may_be_done) == is_open);
  }
}

TEST_CASE("doctor does not take another server for heal-webhook") {
  Bench bench;
  const auto answer = GENERATE(as<std::string>{}, "{}", R"({"version":"2.53.0","status":"ok"})");
  bench.on("GET", "/status", 200, answer);
  const auto ran =
      bench.run({"doctor", "--skip", "prometheus", "--skip", "alertmanager", "--skip", "exporter", "--skip", "docker"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "fail  service       http://localhost:9095 answers, but not as heal-webhook does\n"
        "                    → name heal-webhook's address with --server or HEALCTL_SERVER\n");
}

TEST_CASE("what cannot be printed is an error for every command, unless its reader has gone") {
  const auto args = GENERATE(values<std::vector<std::string>>({{"--help"}, {"heal", "--help"}, {"--version"}}));
  const auto is_gone = GENERATE(false, true);
  Bench bench;
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  Program program(Ports{bench.clock, bench.http, nullptr, nullptr}, Console{out, err, 0, 0, [&] { return is_gone; }},
                  {});
  CHECK(program.run(args, {}) == (is_gone ? Exit::kDone : Exit::kFailed));
  CHECK(err.str() == (is_gone ? "" : "healctl: error: standard output could not be written\n"));
}

TEST_CASE("simulate-down asks the service for a leased fault") {
  Bench bench;
  bench.on("POST", "/faults", 201, fault_of(FaultLease::State::kApplied));
  CHECK(bench.run({"simulate-down", kTarget, "--fault", "pause", "--for", "90s"}) ==
        Ran{Exit::kDone, "01J8FAULT  pause of container/local/nginx, undone at 2030-01-02T03:04:55Z\n",
            "\"healctl simulate-up container/local/nginx\" ends it sooner\n"});
  CHECK(bench.last_request().body == R"({"by":"ada","fault":"pause","for":"1m30s","target":"container/local/nginx"})");
}

TEST_CASE("a fault that the service refuses exits 4 with its reason") {
  Bench bench;
  bench.on("POST", "/faults", 403, R"({"error":{"code":"refused","message":"nginx lacks heal.simulate=allow"}})");
  CHECK(bench.run({"simulate-down", kTarget}) ==
        Ran{Exit::kRefused, "",
            "healctl: error: POST http://localhost:9095/api/v1/faults: nginx lacks heal.simulate=allow\n"});
}

TEST_CASE("simulate-up says whether all is undone") {
  Bench bench;
  bench.on("POST", "/faults/revert", 200, faults_of({lease(FaultLease::State::kReverted)}));
  CHECK(bench.run({"simulate-up", kTarget}).exit == Exit::kDone);
  CHECK(bench.last_request().body == R"({"by":"ada","target":"container/local/nginx"})");

  Bench failing;
  failing.on("POST", "/faults/revert", 200, faults_of({lease(FaultLease::State::kRevertFailed)}));
  CHECK(failing.run({"simulate-up", kTarget}).exit == Exit::kFailed);

  Bench none;
  none.on("POST", "/faults/revert", 200, faults_of({}));
  CHECK(none.run({"simulate-up", kTarget}) == Ran{Exit::kDone, "", "no fault is active there\n"});
}

TEST_CASE("faults list shows what is active, and with --all the rest") {
  Bench bench;
  bench.on("GET", "/faults", 200, faults_of({lease(FaultLease::State::kApplied), lease(FaultLease::State::kReverted)}));
  CHECK(bench.run({"faults", "list"}) ==
        Ran{Exit::kDone,
            "ID         FAULT  TARGET                 STATE    SINCE    UNTIL   BY   ERROR\n"
            "01J8FAULT  pause  container/local/nginx  applied  10s ago  in 50s  ada  -\n",
            ""});
  const auto all = parse_json(bench.run({"faults", "list", "--all", "-o", "json"}).out);
  REQUIRE(all);
  CHECK(all->at("faults").size() == 2);
}

TEST_CASE("faults revert ends one or all, and insists on which") {
  Bench bench;
  bench.on("DELETE", "/faults/01J8FAULT", 200, fault_of(FaultLease::State::kReverted));
  CHECK(bench.run({"faults", "revert", "01J8FAULT"}).exit == Exit::kDone);
  bench.on("POST", "/faults/revert", 200, faults_of({}));
  CHECK(bench.run({"faults", "revert", "--all"}).exit == Exit::kDone);
  CHECK(bench.last_request().body == R"({"all":true,"by":"ada"})");
  CHECK(bench.run({"faults", "revert"}) ==
        Ran{Exit::kUsage, "", "healctl: error: give the ID of one fault, or --all\n"});
  CHECK(bench.run({"faults", "revert", "x", "--all"}).exit == Exit::kUsage);
}

TEST_CASE("a path in an argument stays one part of the URL") {
  Bench bench;
  CHECK(bench.run({"faults", "revert", "../heals?x=1#"}).exit == Exit::kUnreachable);
  CHECK(bench.last_request().url == "http://localhost:9095/api/v1/faults/..%2Fheals%3Fx%3D1%23");
}

TEST_CASE("alert send posts to Alertmanager's API") {
  Bench bench;
  bench.http.on("POST", "http://am:9093/api/v2/alerts", HttpAnswer::of(200));
  const auto ran = bench.run({"alert", "send", "--to", "http://am:9093/", "--label", "alertname=NginxDown", "--label",
                              "container=nginx", "--annotation", "summary=drill", "--for", "2m"});
  CHECK(ran == Ran{Exit::kDone, "",
                   "firing {alertname=\"NginxDown\", container=\"nginx\"} sent to http://am:9093/api/v2/alerts\n"});
  const auto body = parse_json(bench.last_request().body);
  REQUIRE(body);
  CHECK(body->at(0).at("labels") == Json{{"alertname", "NginxDown"}, {"container", "nginx"}});
  CHECK(body->at(0).at("annotations") == Json{{"summary", "drill"}});
  CHECK(body->at(0).at("startsAt") == "2030-01-02T03:04:05Z");
  CHECK(body->at(0).at("endsAt") == "2030-01-02T03:06:05Z");
}

TEST_CASE("alert send --webhook posts what our own intake reads") {
  Bench bench;
  bench.http.on("POST", "http://localhost:9095/webhook", HttpAnswer::of(202, R"({"accepted":1})"));
  const auto ran = bench.run(
      {"alert", "send", "--webhook", "http://localhost:9095/webhook", "--label", "alertname=NginxDown", "--resolved"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.out == "{\"accepted\":1}\n");
  const auto parsed = parse_alertmanager_v4(bench.last_request().body);
  REQUIRE(parsed);
  REQUIRE(parsed->group.alerts.size() == 1);
  const auto& alert = parsed->group.alerts.front();
  CHECK(alert.status == AlertStatus::kResolved);
  CHECK(alert.labels == Labels{{"alertname", "NginxDown"}});
  CHECK(alert.fingerprint == fingerprint_of(alert.labels));
  CHECK(alert.starts_at == FakeClock::kStart - 5min);
  CHECK(alert.ends_at == FakeClock::kStart);
}

TEST_CASE("alert send refuses labels that Alertmanager would") {
  const auto refuse = [](std::vector<std::string> args) {
    Bench bench;
    args.insert(args.begin(), {"alert", "send"});
    const auto ran = bench.run(args);
    CHECK(ran.exit == Exit::kUsage);
    CHECK(bench.http.requests().empty());
    return ran.err;
  };
  CHECK(refuse({"--label", "a=b"}) == "healctl: error: an alert needs --label alertname=NAME\n");
  CHECK(refuse({"--label", "alertname=A", "--label", "a-b=c"}) == "healctl: error: \"a-b\" is no label name\n");
  CHECK(refuse({"--label", "alertname="}) ==
        "healctl: error: label \"alertname\" is empty, which is the same as not there\n");
}

TEST_CASE("credentials go to the service and nowhere else") {
  Bench bench;
  bench.http.on("*", "http://*", HttpAnswer::of(200, "{}"));
  bench.http.on("*", "https://*", HttpAnswer::of(200, "{}"));
  const std::string password = std::string(HEAL_SOURCE_DIR) + "/LICENSE";
  const auto send = [&](const std::string& option, const std::string& url) {
    bench.run({"--user", "ada", "--password-file", password, "alert", "send", "--label", "alertname=A", option, url});
    return bench.last_request().basic_auth.has_value();
  };
  CHECK_FALSE(send("--to", "http://localhost:9095"));
  CHECK_FALSE(send("--webhook", "http://localhost:90955/webhook"));
  CHECK(send("--webhook", "http://localhost:9095/webhook"));
}

TEST_CASE("doctor tells what is there, what is missing and what to do") {
  Bench bench;
  bench.on("GET", "/status", 200, R"({"version":"0.1.0","accepting":true,"config":{},"store":{}})");
  bench.on("GET", "/journal", 200, R"({"intact":true,"first_altered":null})");
  bench.http.on("GET", "http://localhost:9090/-/ready", HttpAnswer::of(200));
  bench.http.on("GET", "http://localhost:9090/api/v1/alertmanagers",
                HttpAnswer::of(200, R"({"status":"success","data":{"activeAlertmanagers":[]}})"));
  bench.http.on("GET", "http://localhost:9093/-/ready", HttpAnswer::of(200));
  bench.http.on("GET", "http://localhost:9093/api/v2/status",
                HttpAnswer::of(200, R"({"config":{"original":"receivers: [{webhook_configs: []}]"}})"));
  bench.http.on(
      "GET", "http://localhost:9115/-/healthy",
      HttpAnswer::failing(Error(ErrorCode::kUnavailable, "GET http://localhost:9115/-/healthy: connection refused")));
  bench.engine.go_away();
  const auto ran = bench.run({"doctor"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.err.empty());
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "ok    service       http://localhost:9095, version 0.1.0\n"
        "ok    journal       intact\n"
        "warn  prometheus    http://localhost:9090 sends its alerts to no Alertmanager\n"
        "                    → set alerting.alertmanagers in prometheus.yml\n"
        "ok    alertmanager  http://localhost:9093\n"
        "fail  exporter      GET http://localhost:9115/-/healthy: connection refused\n"
        "                    → start heal-exporter, or name it with --exporter\n"
        "warn  docker        /var/run/docker.sock: cannot reach the engine: connection refused\n"
        "                    → only the service needs the engine; to check it from here, run where the socket may be "
        "read, or --docker\n");
}

TEST_CASE("doctor survives nonsense from everybody") {
  Bench bench;
  for (const char* body : {"", "{", "null", "[]", "{\"data\":7,\"config\":[],\"version\":{}}", "\xff\x1b"}) {
    CAPTURE(body);
    bench.http.on("*", "http://*", [body](const HttpClientRequest&) { return HttpAnswer::of(200, body); });
    const auto ran = bench.run({"doctor", "--skip", "docker"});
    CHECK((ran.exit == Exit::kUnreachable || ran.exit == Exit::kDone));
  }
}

TEST_CASE("doctor reports a broken configuration and goes on") {
  Bench bench;
  const auto ran = bench.run({"doctor", "--config.file", "/nonexistent/config.yml", "--skip", "docker", "-o", "json"});
  CHECK(ran.exit == Exit::kFailed);
  const auto shown = parse_json(ran.out);
  REQUIRE(shown);
  CHECK(shown->at("checks").at(0).at("result") == "fail");
  CHECK(shown->at("checks").size() == 5);
}

TEST_CASE("version needs nothing") {
  Bench bench;
  bench.environment["HEALCTL_SERVER"] = "nonsense";
  CHECK(bench.run({"version"}).exit == Exit::kDone);
  CHECK(bench.run({"--version"}).out == bench.run({"version"}).out);
  CHECK(bench.run({"incidents", "list"}) ==
        Ran{Exit::kUsage, "", "healctl: error: HEALCTL_SERVER: it must begin with http:// or https:// and a host\n"});
}

TEST_CASE("Ctrl-C ends with 130 and no complaint") {
  Bench bench;
  bench.stop.request_stop();
  bench.http.on("*", "http://*", HttpAnswer::of(200, "{}"));
  CHECK(bench.run({"incidents", "list"}) == Ran{Exit::kInterrupted, "", ""});
}

}  // namespace
}  // namespace heal::ctl
