#include <tuple>

#include <catch2/catch.hpp>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "heal_test_paths.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

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

TEST_CASE("incidents are listed by the labels of their alerts; an empty page is not the last one") {
  Bench bench;
  const auto incident = healed_incident();
  const std::string query = "/incidents?match%5B%5D=severity%3Dpage&match%5B%5D=team%3D~%22a%7Cb%22&limit=50";
  bench.on("GET", query, 200, list_of({}, "c1"));
  bench.on("GET", query + "&cursor=c1", 200, list_of({incident}, ""));
  const auto ran =
      bench.run({"incidents", "list", "--match", "severity=page", "--match", "team=~\"a|b\"", "-o", "json"});
  CHECK(ran.err.empty());
  CHECK(parse_json(ran.out).value() == Json{{"incidents", {to_json(incident)}}});
}

TEST_CASE("evidence of a target that is no container has no part about one") {
  Bench bench;
  const auto incident = healed_incident();
  TimelineEntry evidence;
  evidence.sequence = 1;
  evidence.incident_id = incident.id;
  evidence.kind = "evidence";
  evidence.data = R"({"health":{"message":"connection refused"},"inspect":{}})";
  bench.on("GET", "/incidents/" + incident.id, 200, story_of(incident, {evidence}));
  const auto ran = bench.run({"incidents", "show", incident.id});
  CHECK(ran.out.find("Health check: connection refused") != std::string::npos);
  CHECK(ran.out.find("Container as it was") == std::string::npos);
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

TEST_CASE("a path in an argument stays one part of the URL") {
  Bench bench;
  CHECK(bench.run({"faults", "revert", "../heals?x=1#"}).exit == Exit::kUnreachable);
  CHECK(bench.last_request().url == "http://localhost:9095/api/v1/faults/..%2Fheals%3Fx%3D1%23");
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
