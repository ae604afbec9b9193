// The service dies before or after each of its writes during a heal. See README.md.

#include <algorithm>
#include <csignal>
#include <functional>

#include <catch2/catch.hpp>

#include "common/system/sqlite_store.h"
#include "tests/crash/scene.h"

namespace heal {
namespace {

using test::ServiceProcess;

enum class Life { kDied, kFinished };

/// Lets the service heal until it dies at its n-th write, or until the heal is over.
Life heal_until_death(Scene& scene, const std::string& when, int n) {
  auto arguments = scene.arguments();
  arguments.insert(arguments.end(), {when, std::to_string(n)});
  ServiceProcess service(arguments);
  const int answer = service.port() == 0 ? 0 : scene.post(service.port());
  if (service.port() != 0) (void)scene.wait_for_end(service);
  const int code = service.stop();
  CHECK((code == 0 || code == -SIGKILL));
  CHECK((answer == 202 || answer == 200 || answer == 0));
  if (answer != 0) CHECK(scene.count("SELECT count(*) FROM episodes WHERE incident_id <> ''") == kAlerts);
  return code == 0 ? Life::kFinished : Life::kDied;
}

/// Starts the service again as its user would: Alertmanager sends once more what is still firing.
void heal_to_the_end(Scene& scene) {
  ServiceProcess service(scene.arguments());
  REQUIRE(service.port() != 0);
  const int answer = scene.post(service.port());
  CHECK((answer == 202 || answer == 200));
  REQUIRE(scene.wait_for_end(service));
  CHECK(service.stop() == 0);
}

/// How the playbook's one changing step is declared, and what may come of it.
struct Rule {
  std::string verb, step, on_unknown;
  std::size_t most_calls;
  std::vector<IncidentState> ends;
  std::string after{};

  std::string steps() const {
    return fmt::format(
        "  - name: look\n    docker.inspect: {{}}\n  - name: act\n    docker.{}\n    timeout: 30s\n    on_unknown: "
        "{}\n{}",
        step, on_unknown, after);
  }
};
const Rule kProbe{"restart", "restart: {grace: 1s}", "probe", 1, {IncidentState::kRecovered}};
const Rule kRerun{"start", "start: {}", "rerun", 2, {IncidentState::kRecovered}};
const Rule kHalt{
    "restart", "restart: {grace: 1s}", "halt", 1, {IncidentState::kRecovered, IncidentState::kInterrupted}};

const Rule kUndo{
    "start", "start: {}\n    undo: inverse", "rerun",
    2,       {IncidentState::kFailed},       "  - name: wrong\n    assert: [{value: target.name, is: nobody}]\n"};

/// The state in which the one incident ended.
IncidentState check_outcome(Scene& scene, const Rule& rule) {
  CHECK(scene.calls_of(rule.verb) <= rule.most_calls);
  auto store = SqliteStore::open(scene.storage()).value();
  CHECK(store->first_altered_entry().value() == std::nullopt);
  CHECK(store->open_steps().value().empty());
  const auto incidents = store->incidents({}).value();
  REQUIRE(incidents.size() == 1);
  const Incident& incident = incidents[0];
  CAPTURE(to_string(incident.state), incident.reason, incident.message);
  CHECK(std::count(rule.ends.begin(), rule.ends.end(), incident.state) == 1);
  CHECK_FALSE(incident.reason.empty());
  CHECK(store->episodes_of(incident.id).value().size() == kAlerts);
  CHECK(incident.episode_keys.size() == kAlerts);
  if (!rule.after.empty()) CHECK((scene.calls_of("stop") >= 1 && scene.calls_of("stop") <= 2));
  if (incident.state == IncidentState::kRecovered) {
    CHECK(scene.calls_of(rule.verb) >= 1);
    CHECK(incident.times.verified_at.has_value());
  }
  return incident.state;
}

TEST_CASE("wherever the service dies during a heal, nothing is lost and nothing is done twice") {
  const auto rule = GENERATE(kProbe, kRerun, kHalt, kUndo);
  const auto when = GENERATE(as<std::string>(), "before", "after");
  CAPTURE(rule.verb, rule.on_unknown, when);
  int n = 1;
  std::size_t most_calls = 0;
  bool was_interrupted = false;
  for (Life life = Life::kDied; life == Life::kDied; ++n) {
    CAPTURE(n);
    Scene scene(rule.steps());
    life = heal_until_death(scene, when, n);
    if (life == Life::kDied) heal_to_the_end(scene);
    was_interrupted |= check_outcome(scene, rule) == IncidentState::kInterrupted;
    most_calls = std::max(most_calls, scene.calls_of(rule.verb));
  }
  // Accepted, planned, intent, outcome, verified: with fewer writes than that it would not have been a test.
  CHECK(n > 6);
  CHECK(was_interrupted == (rule.on_unknown == "halt"));
  CHECK(most_calls >= 1);
}

TEST_CASE("a service that dies again while it takes up a half-done step neither loses nor repeats it") {
  const auto rule = GENERATE(kProbe, kHalt);
  CAPTURE(rule.on_unknown);
  // The write of the changing step's outcome: before it the step is done, but only its intent is known.
  const auto half_done = [&](Scene& scene) {
    return scene.calls_of(rule.verb) == 1 &&
           scene.count("SELECT count(*) FROM open_steps WHERE step_id LIKE '%/act/%'") == 1;
  };
  int outcome = 0;
  for (bool found = false; !found;) {
    Scene scene(rule.steps());
    REQUIRE(heal_until_death(scene, "before", ++outcome) == Life::kDied);
    found = half_done(scene);
  }
  int n = 1;
  for (Life life = Life::kDied; life == Life::kDied; ++n) {
    CAPTURE(n);
    Scene scene(rule.steps());
    REQUIRE(heal_until_death(scene, "before", outcome) == Life::kDied);
    REQUIRE(half_done(scene));
    life = heal_until_death(scene, "before", n);
    if (life == Life::kDied) heal_to_the_end(scene);
    check_outcome(scene, rule);
  }
  CHECK(n > 2);
}

/// Kills the service at every write of the heal, one after another; `check` looks at each scene and the state in which
/// its one incident ended.
void die_everywhere(const std::string& steps, const std::string& when,
                    const std::function<void(Scene&, const Incident&)>& check) {
  int n = 1;
  for (Life life = Life::kDied; life == Life::kDied; ++n) {
    CAPTURE(n);
    Scene scene(steps);
    life = heal_until_death(scene, when, n);
    if (life == Life::kDied) heal_to_the_end(scene);
    auto store = SqliteStore::open(scene.storage()).value();
    CHECK(store->check_journal().value().first_altered == std::nullopt);
    CHECK(store->open_steps().value().empty());
    const auto incidents = store->incidents({}).value();
    REQUIRE(incidents.size() == 1);
    CAPTURE(to_string(incidents[0].state), incidents[0].reason, incidents[0].message, scene.marks());
    check(scene, incidents[0]);
  }
  CHECK(n > 12);
}

constexpr const char* kFourSteps = R"(  - name: look
    docker.inspect: {}
  - name: start
    docker.start: {}
    on_unknown: rerun
  - name: tell
    command: {argv: ["@mark", told]}
    on_unknown: halt
  - name: restart
    docker.restart: {grace: 1s}
    on_unknown: probe
)";

TEST_CASE("in every state of a playbook of four steps, each step's own policy holds after a kill") {
  const auto when = GENERATE(as<std::string>(), "before", "after");
  CAPTURE(when);
  std::size_t interrupted = 0, recovered = 0;
  die_everywhere(kFourSteps, when, [&](Scene& scene, const Incident& incident) {
    const std::size_t told = scene.marks().size();
    CHECK(told <= 1);                       // halt: never repeated
    CHECK(scene.calls_of("start") <= 2);    // rerun: at most once more
    CHECK(scene.calls_of("restart") <= 1);  // probe: looked at instead
    if (incident.state == IncidentState::kRecovered) {
      ++recovered;
      CHECK(told == 1);
      CHECK(scene.calls_of("restart") == 1);
    } else {
      ++interrupted;
      CHECK(incident.state == IncidentState::kInterrupted);
      CHECK(incident.reason == "outcome_unknown");
      CHECK(scene.calls_of("restart") == 0);
    }
  });
  CHECK(interrupted >= 1);
  CHECK(recovered >= 8);
}

constexpr const char* kFailingSteps = R"(  - name: start
    docker.start: {}
    on_unknown: rerun
    undo: {docker.stop: {grace: 1s}}
  - name: tell
    command: {argv: ["@mark", told]}
    on_unknown: undo
    undo: {command: {argv: ["@mark", taken_back]}}
  - name: look
    docker.inspect: {}
  - name: wrong
    assert: [{value: target.name, is: nobody}]
)";

TEST_CASE("in every state of a heal that fails and is undone, what was done is undone in reverse, and once") {
  const auto when = GENERATE(as<std::string>(), "before", "after");
  CAPTURE(when);
  std::size_t undone = 0;
  die_everywhere(kFailingSteps, when, [&](Scene& scene, const Incident& incident) {
    const auto marks = scene.marks();
    CHECK(std::count(marks.begin(), marks.end(), "told") <= 1);
    CHECK(std::count(marks.begin(), marks.end(), "taken_back") <= 1);
    CHECK(scene.calls_of("stop") >= 1);
    if (incident.state == IncidentState::kFailed) {
      ++undone;
    } else {
      // The undo of the command was begun and nobody knows what became of it; the others were tried all the same.
      CHECK(incident.state == IncidentState::kInterrupted);
      CHECK(incident.reason == "undo_failed");
    }
  });
  CHECK(undone >= 8);
}

}  // namespace
}  // namespace heal
