#include <catch2/catch.hpp>

#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::Probed;
using Kind = remedy::ActionResult::Kind;

TEST_CASE("a program that was ended by a signal may have done its work") {
  SimRig rig("allow: {commands: [/bin/fix]}\n");
  ProcessScript killed;
  killed.outcome.end = ProcessOutcome::End::kSignalled;
  killed.outcome.signal = 9;
  rig.processes.on("/bin/fix", killed);
  const auto result = rig.bench.run("command: {argv: [/bin/fix]}");
  CHECK(result.kind == Kind::kUnknown);
  CHECK(result.reason == "signal");
  CHECK(result.message == "/bin/fix was ended by signal 9");
}

TEST_CASE("what a program left running and was ended with it is told") {
  SimRig rig("allow: {commands: [/bin/fix]}\n");
  const auto [left, message] = GENERATE(table<std::size_t, const char*>(
      {{0, "/bin/fix ended with exit code 0"},
       {1, "/bin/fix ended with exit code 0; it left a process running, ended now"},
       {3, "/bin/fix ended with exit code 0; it left 3 processes running, ended now"}}));
  ProcessScript script;
  script.outcome.left_over = left;
  rig.processes.on("/bin/fix", script);
  CHECK(rig.bench.run("command: {argv: [/bin/fix]}").message == message);
}

TEST_CASE("a gateway's error says nothing of what the service did, where doing it twice would matter") {
  SimRig rig("allow: {hosts: ['api:80']}\n");
  const auto [arguments, status, kind] = GENERATE(table<const char*, int, Kind>({
      {"method: POST", 502, Kind::kUnknown},
      {"method: POST", 503, Kind::kUnknown},
      {"method: PATCH", 504, Kind::kUnknown},
      {"method: POST", 500, Kind::kFailed},
      {"method: GET", 503, Kind::kFailed},
      {"method: PUT", 504, Kind::kFailed},
      {"method: POST, status: [503]", 503, Kind::kDone},
  }));
  rig.http.on("*", "http://api/*", HttpAnswer::of(status));
  const auto result = rig.bench.run(std::string("http.request: {url: 'http://api/go', ") + arguments + "}");
  INFO(result.message);
  CHECK(result.kind == kind);
}

TEST_CASE("what may be a secret in a URL is in no message of a request, and in no plan, but part of its hash") {
  SimRig rig("allow: {hosts: ['api:80']}\n");
  rig.http.on("*", "http://api/*", HttpAnswer::of(200));
  const std::string step =
      "http.request: {url: 'http://api/go?key=s3cret', method: POST, body: '{\"password\":\"s3cret\"}'}";
  CHECK(rig.bench.run(step).message == "POST http://api/go: status 200");
  CHECK(rig.http.requests().back().url == "http://api/go?key=s3cret");
  const auto plan = rig.bench.plan(step).value();
  CHECK(plan.canonical.find("s3cret") == std::string::npos);
  CHECK(playbook::explain(plan).find("s3cret") == std::string::npos);
  CHECK(playbook::explain(plan).find("url=http://api/go?<secret>") != std::string::npos);
  const auto other =
      rig.bench.plan("http.request: {url: 'http://api/go?key=other', method: POST, body: '{\"password\":\"s3cret\"}'}");
  CHECK(other.value().hash != plan.hash);
}

SimProgram dies_at_start() {
  SimProgram program;
  program.exits_at_start = 1;
  return program;
}

TEST_CASE("a restart that happened is not repeated because the container has died again") {
  SimRig rig;
  rig.engine->add({.name = "web", .labels = {{"heal.enable", "true"}}});
  rig.engine->set_program("web", dies_at_start());
  rig.clock.advance(1s);
  rig.engine->lose_answer_of_next("restart", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("docker.restart: {grace: 1s}").kind == Kind::kUnknown);
  CHECK(rig.look("web").status == "exited");
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("all of a project that was restarted is not restarted again because a part has died again") {
  SimRig rig;
  rig.engine->add({.name = "web", .labels = {{"heal.enable", "true"}, {"com.docker.compose.project", "shop"}}});
  rig.engine->set_program("web", dies_at_start());
  rig.clock.advance(1s);
  rig.engine->lose_answer_of_next("restart", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("compose.restart: {grace: 1s}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("a step and its undo act on the container that was found, not on another one of its name") {
  SimRig rig("inventory: {targets: [{target: container/local/db}]}\n");
  rig.engine->add({.name = "db", .labels = {}});
  const std::string id = rig.look("db").id;
  REQUIRE(rig.bench.run("docker.stop: {grace: 1s}, target: container/local/db, undo: inverse").kind == Kind::kDone);
  REQUIRE(rig.engine->rename("db", "db-old", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->create({.name = "db", .labels = {}});
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look("db").status == "created");
  CHECK(rig.look(id).status == "running");
}

TEST_CASE("a window longer than the step's time-out is refused instead of waited for") {
  SimRig rig;
  rig.bench.set_target({TargetId::parse("process/worker").value(), "", {}, std::nullopt, playbook::Simulate::kRefuse});
  rig.host.add({ProcessScope::Kind::kName, "worker"}, {7, 1, "worker", 0, 1 << 20}, 1);
  const WallTime begun = rig.clock.now();
  const auto result = rig.bench.run("process.signal: {by: cpu, window: 24h}");
  CHECK(result.reason == "not begun");
  CHECK(result.message == "argument window: 1d is longer than what is left of the step's timeout (30s)");
  CHECK(rig.clock.now() == begun);
}

}  // namespace
}  // namespace heal::test
