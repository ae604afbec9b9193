#include <catch2/catch.hpp>

#include "common/model/heal_outcome.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

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
    const char* reason = "over";
  };
  const auto c = GENERATE(values<Case>({{IncidentState::kRecovered, Exit::kDone},
                                        {IncidentState::kClosed, Exit::kDone, "stayed_healthy"},
                                        {IncidentState::kClosed, Exit::kFailed, "alert_resolved"},
                                        {IncidentState::kClosed, Exit::kRefused, "shadow"},
                                        {IncidentState::kCancelled, Exit::kRefused, "lever_engaged"},
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
  ended.reason = c.reason;
  const auto first = moved_to(begun, IncidentState::kExecuting, 1, "restarting");
  const auto second = moved_to(ended, c.state, 2, "over");
  bench.on("GET", "/incidents/01J8", 200, story_of(begun, {first}));
  bench.on("GET", "/incidents/01J8", 200, story_of(ended, {first, second}));
  const auto ran = bench.run({"heal", "p", "--target", kTarget, "--wait"});
  CHECK(ran.exit == c.exit);
  CHECK(ran.err == "incident 01J8\n03:04:05.100Z  state         restarting\n03:04:05.200Z  state         over\n");
  // What has failed since has not recovered at its verification.
  CHECK(ran.out == fmt::format("01J8ZQ4T9M5V6W7X8Y9ZABCDEF  {}  health of container/local/nginx passed 2 times{}\n",
                               to_string(c.state), time_to_recover(ended) ? " (in 2.10s)" : ""));
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

}  // namespace
}  // namespace heal::ctl
