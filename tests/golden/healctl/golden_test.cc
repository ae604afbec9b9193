#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <sstream>

#include <catch2/catch.hpp>

#include "common/base/small_file.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "heal_test_paths.h"
#include "healctl/cli/help.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/healctl/bench.h"

// Whole outputs of healctl. `HEAL_UPDATE_GOLDEN=1 golden_healctl` writes them anew: read the difference before you keep
// it.

namespace heal::ctl {
namespace {

void check_golden(const std::string& name, const std::string& text) {
  CAPTURE(name);
  const std::string path = std::string(HEAL_SOURCE_DIR) + "/tests/golden/healctl/" + name + ".txt";
  if (std::getenv("HEAL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::ostringstream expected;
  expected << file.rdbuf();
  CHECK(text == expected.str());
}

/// A command's whole output as one text.
std::string whole(const Ran& ran) {
  std::string text = ran.out;
  if (!ran.err.empty()) text += "--- stderr\n" + ran.err;
  return text + "--- exit " + std::to_string(static_cast<int>(ran.exit)) + "\n";
}

/// The same wherever the sources are.
std::string without_root(std::string text) {
  const std::string root = HEAL_SOURCE_DIR;
  for (auto at = text.find(root); at != std::string::npos; at = text.find(root))
    text.replace(at, root.size(), "…");
  return text;
}

std::string testdata(const std::string& name) {
  return std::string(HEAL_SOURCE_DIR) + "/tests/golden/healctl/testdata/" + name;
}

std::vector<Incident> incidents() {
  auto open = healed_incident(), refused = healed_incident();
  open.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEG";
  open.target = TargetId{"container", "local", "a-service-with-a-rather-long-name-1"};
  open.name = "ServiceUnhealthyForTooLong";
  open.type = "HEALTH_CHECK_FAILURE";
  open.state = IncidentState::kExecuting;
  open.reason = "attempt";
  open.message = "attempt 2 of 3";
  open.times = {};
  open.times.detected_at = FakeClock::kStart - 5s;
  refused.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEA";
  refused.target.reset();
  refused.name = "Hostile\x1b[31m\nname";
  refused.state = IncidentState::kUnmatched;
  refused.reason = "not_in_inventory";
  refused.message = "\"$(touch x)\" is in nobody's inventory";
  refused.playbook = "";
  refused.attempt = 0;
  refused.times = {};
  refused.times.detected_at = FakeClock::kStart - 26h;
  refused.times.closed_at = refused.times.detected_at;
  return {open, healed_incident(), refused};
}

std::string story() {
  const auto incident = healed_incident();
  std::vector<TimelineEntry> timeline;
  const auto add = [&](Duration after, const char* kind, const char* message) {
    timeline.push_back({timeline.size() + 1, *incident.times.detected_at + after, incident.id, kind, message, "{}"});
  };
  add(0s, "received", "NginxDown from alertmanager");
  add(2ms, "matched", "heal.yml:31:5 chose restart-container for container/local/nginx");
  add(9ms, "decision",
      "allowed: fresh evidence (the alert is still active), cooldown (none), budget (0 of 3 in 30m used), target lock "
      "(free)");
  add(20ms, "step_intent", "restart: docker.restart container/local/nginx grace=5s");
  add(1040ms, "step_outcome", "restart: done in 1.02s");
  add(2100ms, "verify", "health of container/local/nginx (http://nginx/healthz) passed 2 times in a row");
  add(2100ms, "state", "verifying → recovered\x07");
  Episode episode;
  episode.key = incident.episode_keys.front();
  episode.source = "alertmanager";
  episode.name = "NginxDown";
  episode.labels = {{"alertname", "NginxDown"}, {"container", "nginx"}};
  episode.starts_at = *incident.times.detected_at - 1s;
  episode.received_at = *incident.times.detected_at;
  episode.incident_id = incident.id;
  return story_of(incident, timeline, {episode});
}

TEST_CASE("every help text is as it was agreed") {
  Bench bench;
  check_golden("help", bench.run({"--help"}).out);
  std::ostringstream out, err;
  Program program(Ports{bench.clock, bench.http, {}, {}}, Console{out, err, 0, 0}, {});
  std::vector<std::vector<std::string>> paths;
  for (const auto& group : program.tree().groups)
    paths.push_back({group.name});
  for (const auto& command : program.tree().commands)
    paths.push_back(command.path);
  for (const auto& path : paths) {
    auto args = path;
    args.emplace_back("--help");
    const auto ran = bench.run(args);
    CHECK(ran.exit == Exit::kDone);
    CHECK(ran.err.empty());
    check_golden(fmt::format("help_{}", fmt::join(path, "_")), ran.out);
  }
}

TEST_CASE("every command has an example that parses") {
  Bench bench;
  bench.http.on("*", "http://*", HttpAnswer::of(200, "{}"));
  std::ostringstream out, err;
  Program program(Ports{bench.clock, bench.http, {}, {}}, Console{out, err, 0, 0}, {});
  for (const auto& command : program.tree().commands) {
    CAPTURE(command.name());
    CHECK_FALSE(command.examples.empty());
    for (const auto& example : command.examples) {
      CAPTURE(example);
      if (example.starts_with("source ")) continue;
      std::vector<std::string> words;
      std::istringstream in(example);
      for (std::string word; in >> std::quoted(word);)
        words.push_back(word);
      REQUIRE(words.front() == "healctl");
      words.erase(words.begin());
      const auto ran = bench.run(words);
      CHECK(ran.exit != Exit::kUsage);
    }
  }
}

TEST_CASE("the list of incidents fits the terminal") {
  Bench bench;
  bench.on("GET", "/incidents?limit=50", 200, list_of(incidents()));
  check_golden("incidents_list", whole(bench.run({"incidents", "list"})));
  for (const std::size_t width : {80U, 120U, 160U}) {
    bench.width = width;
    bench.environment["NO_COLOR"] = "1";
    check_golden(fmt::format("incidents_list_{}", width), whole(bench.run({"incidents", "list"})));
  }
  bench.environment.erase("NO_COLOR");
  check_golden("incidents_list_colour", whole(bench.run({"incidents", "list"})));
  check_golden("incidents_list_json", whole(bench.run({"incidents", "list", "-o", "json"})));
  check_golden("incidents_list_yaml", whole(bench.run({"incidents", "list", "-o", "yaml"})));
}

TEST_CASE("an incident's story fits the terminal") {
  Bench bench;
  bench.on("GET", "/incidents/X", 200, story());
  check_golden("incidents_show", whole(bench.run({"incidents", "show", "X"})));
  bench.width = 80;
  bench.environment["NO_COLOR"] = "1";
  check_golden("incidents_show_80", whole(bench.run({"incidents", "show", "X"})));
}

TEST_CASE("faults are listed") {
  Bench bench;
  const FaultLease lease{.id = "01J8ZQ4T9M5V6W7X8Y9ZABCDEF",
                         .kind = "partition",
                         .target = {"container", "local", "nginx"},
                         .state = FaultLease::State::kRevertFailed,
                         .injected_at = FakeClock::kStart - 90s,
                         .deadline = FakeClock::kStart - 30s,
                         .owner = "ada",
                         .original = "",
                         .undo = "",
                         .last_error = "connect to network web: the engine is not reachable"};
  bench.on("GET", "/faults", 200, dump(Json{{"faults", {to_json(lease)}}}));
  check_golden("faults_list", whole(bench.run({"faults", "list"})));
}

TEST_CASE("a probe shows what it saw") {
  Bench bench;
  bench.probe_result.phase = "status";
  bench.probe_result.reason = "unexpected_status";
  bench.probe_result.message = "status 503 is not among 200 to 299";
  bench.probe_result.duration = 12ms;
  bench.probe_result.families = {{"probe_http_status_code", "Response HTTP status code.", {{{}, 503}}},
                                 {"probe_http_duration_seconds",
                                  "Duration of http request by phase.",
                                  {{{{"phase", "connect"}}, 0.000393}, {{{"phase", "tls"}}, 0}}}};
  const std::vector<std::string> args{"probe", "http://nginx/healthz", "--module", "http_2xx"};
  check_golden("probe", whole(bench.run(args)));
  auto json = args;
  json.insert(json.end(), {"-o", "json"});
  check_golden("probe_json", whole(bench.run(json)));
  auto exposition = args;
  exposition.emplace_back("--exposition");
  check_golden("probe_exposition", whole(bench.run(exposition)));
}

TEST_CASE("a wrong playbook is shown with all its mistakes") {
  Bench bench;
  check_golden("playbook_check", without_root(whole(bench.run({"playbook", "check", testdata("wrong.yml")}))));
}

TEST_CASE("a plan is shown with the route that chose it") {
  Bench bench;
  const auto plan = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"playbook", "plan", testdata("heal.yml")});
    return without_root(whole(bench.run(args)));
  };
  const std::vector<std::string> alert{"--label", "alertname=WebDown", "--label", "container=web"};
  check_golden("playbook_plan", plan(alert));
  auto json = alert;
  json.insert(json.end(), {"-o", "json"});
  check_golden("playbook_plan_json", plan(json));
  check_golden("playbook_plan_unmatched", plan({"--label", "alertname=Other"}));
  check_golden("playbook_plan_refused", plan({"--label", "alertname=WebDown", "--label", "container=other"}));
  check_golden("playbook_plan_manual",
               plan({"--playbook", "restart", "--target", "container/local/web", "--set", "grace=9s"}));
  check_golden("playbook_plan_usage", plan({"--playbook", "restart"}));
}

TEST_CASE("a test run names each test, shows what differs, and tells the same to CI") {
  Bench bench;
  const test::TempFolder folder;
  const std::string report = folder.file("junit.xml");
  const std::vector<std::string> args{"playbook", "test", testdata("tests"), "--junit", report};
  check_golden("playbook_test", without_root(whole(bench.run(args))));
  check_golden("playbook_test_junit", without_root(read_small_file(report)));
  auto json = args;
  json.insert(json.end(), {"-o", "json"});
  check_golden("playbook_test_json", without_root(whole(bench.run(json))));
}

TEST_CASE("lint shows each thing that it looks for, once and at its place") {
  Bench bench;
  const std::vector<std::string> args{"playbook", "lint", testdata("lint/heal.yml"), "--rules",
                                      testdata("lint/rules.yml")};
  check_golden("playbook_lint", without_root(whole(bench.run(args))));
  auto json = args;
  json.insert(json.end(), {"-o", "json"});
  check_golden("playbook_lint_json", without_root(whole(bench.run(json))));
}

TEST_CASE("shells get their completion") {
  Bench bench;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    check_golden("completion_" + shell, bench.run({"completion", shell}).out);
  }
}

}  // namespace
}  // namespace heal::ctl
