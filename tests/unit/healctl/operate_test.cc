#include <catch2/catch.hpp>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

const std::string kId = "01J8ZQ4T9M5V6W7X8Y9ZABCDEF";

Incident incident_in(IncidentState state, std::string reason = "", std::string message = "as told") {
  Incident incident = healed_incident();
  incident.state = state;
  incident.reason = std::move(reason);
  incident.message = std::move(message);
  return incident;
}
std::string answer_of(const Incident& incident) {
  return text_of(Json{{"incident", to_json(incident)}});
}
std::string line_of(IncidentState state, const std::string& message = "as told") {
  return kId + "  " + std::string(to_string(state)) + "  " + message + "\n";
}

TEST_CASE("approve agrees to the plan that the incident shows, and to no other") {
  Bench bench;
  bench.on("GET", "/incidents/" + kId, 200, story_of(incident_in(IncidentState::kAwaitingApproval)));
  bench.on("POST", "/incidents/" + kId + "/approve", 202, answer_of(incident_in(IncidentState::kPlanned)));
  CHECK(bench.run({"approve", kId, "--reason", "seen"}) == Ran{Exit::kDone, line_of(IncidentState::kPlanned), ""});
  CHECK(parse_json(bench.last_request().body).value() ==
        Json{{"by", "ada"}, {"plan_hash", "5f2b"}, {"reason", "seen"}});
  const auto before = bench.http.requests().size();
  CHECK(bench.run({"approve", kId, "--plan", "77aa"}).exit == Exit::kDone);
  CHECK(bench.http.requests().size() == before + 1);
  CHECK(parse_json(bench.last_request().body).value()["plan_hash"] == "77aa");
}

TEST_CASE("approve of an incident that is not there, or waits for nobody, says so") {
  Bench bench;
  bench.on("GET", "/incidents/none", 404, R"({"error":{"code":"not_found","message":"there is no incident none"}})");
  CHECK(bench.run({"approve", "none"}) ==
        Ran{Exit::kFailed, "",
            "healctl: error: GET http://localhost:9095/api/v1/incidents/none: there is no incident none\n"});
  bench.on("GET", "/incidents/" + kId, 200, story_of(incident_in(IncidentState::kClosed)));
  bench.on("POST", "/incidents/" + kId + "/approve", 409,
           R"({"error":{"code":"conflict","message":"nobody is asked: the incident is closed"}})");
  const Ran ran = bench.run({"approve", kId});
  CHECK(ran.exit == Exit::kRefused);
  CHECK(ran.err == "healctl: error: POST http://localhost:9095/api/v1/incidents/" + kId +
                       "/approve: nobody is asked: the incident is closed\n");
}

TEST_CASE("reject, cancel and retry send who asks and why") {
  const auto verb = GENERATE(as<std::string>{}, "reject", "cancel", "retry");
  CAPTURE(verb);
  Bench bench;
  bench.on("POST", "/incidents/" + kId + "/" + verb, 202, answer_of(incident_in(IncidentState::kHeld)));
  CHECK(bench.run({verb, kId, "--reason", "deploy"}) == Ran{Exit::kDone, line_of(IncidentState::kHeld), ""});
  CHECK(parse_json(bench.last_request().body).value() == Json{{"by", "ada"}, {"reason", "deploy"}});
  CHECK(bench.run({verb}).exit == Exit::kUsage);
  CHECK(bench.run({verb, kId, "-o", "json"}).out.find(kId) != std::string::npos);
}

/// Of `verb` on an incident in `state`; nothing but reads may be sent.
Ran rehearsed(const std::string& verb, IncidentState state, const std::vector<std::string>& more = {}) {
  Bench bench;
  bench.on("GET", "/incidents/" + kId, 200, story_of(incident_in(state)));
  std::vector<std::string> words{verb, kId, "--dry-run"};
  words.insert(words.end(), more.begin(), more.end());
  Ran ran = bench.run(words);
  for (const auto& request : bench.http.requests())
    CHECK(request.method == "GET");
  return ran;
}

TEST_CASE("--dry-run of an operation says whether it would be accepted, and sends nothing") {
  using enum IncidentState;
  CHECK(rehearsed("approve", kAwaitingApproval) ==
        Ran{Exit::kDone, "would be approved: " + kId + "  awaiting_approval  as told\n", ""});
  CHECK(rehearsed("approve", kAwaitingApproval, {"--plan", "77aa"}) ==
        Ran{Exit::kRefused, "would not be approved: " + kId + "  awaiting_approval  as told (of plan 5f2b)\n", ""});
  CHECK(rehearsed("reject", kExecuting).exit == Exit::kRefused);
  CHECK(rehearsed("reject", kAwaitingApproval).exit == Exit::kDone);
  CHECK(rehearsed("cancel", kExecuting).out == "would be cancelled: " + kId + "  executing  as told\n");
  CHECK(rehearsed("cancel", kClosed).exit == Exit::kRefused);
  CHECK(rehearsed("retry", kFailed).out == "would be tried again: " + kId + "  failed  as told\n");
  CHECK(rehearsed("retry", kHeld).exit == Exit::kRefused);
  CHECK(rehearsed("retry", kHeld, {"-o", "json"}).out.find("\"would\": false") != std::string::npos);
}

TEST_CASE("a role that is missing refuses every operation with exit 4") {
  const auto verb = GENERATE(as<std::string>{}, "reject", "cancel", "retry");
  Bench bench;
  bench.on("POST", "/incidents/" + kId + "/" + verb, 403,
           R"({"error":{"code":"unauthorized","message":"needs the role operate"}})");
  const Ran ran = bench.run({verb, kId});
  CHECK(ran.exit == Exit::kRefused);
  CHECK(ran.err.ends_with("needs the role operate\n"));
}

TEST_CASE("an operation whose answer is none is unknown") {
  Bench bench;
  bench.on("POST", "/incidents/" + kId + "/cancel", 202, "{}");
  CHECK(bench.run({"cancel", kId}).exit == Exit::kUnknown);
  bench.http.on("POST", std::string(Bench::kApi) + "/incidents/" + kId + "/retry",
                HttpAnswer::failing(Error(ErrorCode::kTimeout, "no answer")));
  CHECK(bench.run({"retry", kId}).exit == Exit::kUnknown);
}

TEST_CASE("--wait ends as what was asked for did") {
  struct Case {
    std::string verb;
    Incident end;
    Exit exit;
  };
  const auto c =
      GENERATE(values<Case>({{"cancel", incident_in(IncidentState::kCancelled, "cancelled"), Exit::kDone},
                             {"cancel", incident_in(IncidentState::kClosed, "cancelled"), Exit::kDone},
                             {"cancel", incident_in(IncidentState::kFailed, "step_failed"), Exit::kPersists},
                             {"reject", incident_in(IncidentState::kSuppressed, "rejected"), Exit::kDone},
                             {"reject", incident_in(IncidentState::kSuppressed, "approval_expired"), Exit::kRefused},
                             {"approve", incident_in(IncidentState::kRecovered, "verified"), Exit::kDone},
                             {"approve", incident_in(IncidentState::kFailed, "not_verified"), Exit::kPersists},
                             {"approve", incident_in(IncidentState::kCancelled, "cancelled"), Exit::kFailed},
                             {"retry", incident_in(IncidentState::kSuppressed, "plan_invalid"), Exit::kRefused}}));
  CAPTURE(c.verb, to_string(c.end.state), c.end.reason);
  Bench bench;
  const auto begun = incident_in(IncidentState::kExecuting);
  bench.on("POST", "/incidents/" + kId + "/" + c.verb, 202, answer_of(begun));
  bench.on("GET", "/incidents/" + kId, 200, story_of(begun));
  bench.on("GET", "/incidents/" + kId, 200, story_of(begun));
  bench.on("GET", "/incidents/" + kId, 200, story_of(c.end));
  const Ran ran = bench.run({c.verb, kId, "--wait"});
  CHECK(ran.exit == c.exit);
  CHECK(ran.out == line_of(c.end.state));
}

TEST_CASE("approve --wait while further approvers are missing exits 5 in time") {
  Bench bench;
  const auto waiting = incident_in(IncidentState::kAwaitingApproval);
  bench.on("GET", "/incidents/" + kId, 200, story_of(waiting));
  bench.on("POST", "/incidents/" + kId + "/approve", 202, answer_of(waiting));
  CHECK(bench.run({"approve", kId, "--wait", "--timeout", "10s"}).exit == Exit::kWaiting);
}

TEST_CASE("explain prints the answer line by line and nothing that a terminal would act on") {
  Bench bench;
  bench.on("GET", "/explain?of=NginxDown&label=service%3Dapi", 200,
           text_of(Json{{"incident", nullptr}, {"text", "no route takes it\n  \x1b[2Jevil\n"}}));
  CHECK(bench.run({"explain", "NginxDown", "--label", "service=api"}) ==
        Ran{Exit::kDone, "no route takes it\n  \\x1b[2Jevil\n", ""});
  bench.on("GET", "/explain?of=none", 404, R"({"error":{"code":"not_found","message":"nothing is known of none"}})");
  CHECK(bench.run({"explain", "none"}).exit == Exit::kFailed);
  bench.on("GET", "/explain?of=odd", 200, R"({"incident":null})");
  CHECK(bench.run({"explain", "odd"}).exit == Exit::kUnreachable);
  CHECK(bench.run({"explain"}).exit == Exit::kUsage);
}

}  // namespace
}  // namespace heal::ctl
