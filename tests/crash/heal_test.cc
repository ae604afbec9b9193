// The service dies before or after each of its writes during a heal. See README.md.

#include <algorithm>
#include <csignal>
#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/sim_container_engine.h"
#include "common/system/curl_http_client.h"
#include "common/system/sqlite.h"
#include "common/system/sqlite_store.h"
#include "common/system/system_clock.h"
#include "tests/crash/service_process.h"
#include "tests/support/fake_docker.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using test::ServiceProcess;

/// Two rules fire for the same container.
constexpr const char* kNotification = R"({
  "version": "4", "receiver": "heal", "status": "firing", "groupKey": "{}:{}", "truncatedAlerts": 0,
  "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://127.0.0.1:1",
  "alerts": [
    {"status": "firing", "labels": {"alertname": "WebDown", "container": "web"}, "annotations": {},
     "startsAt": "2030-01-02T03:04:05.123Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
     "fingerprint": "00000000000000a1"},
    {"status": "firing", "labels": {"alertname": "WebSlow", "container": "web"}, "annotations": {},
     "startsAt": "2030-01-02T03:04:06Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
     "fingerprint": "00000000000000a2"}]
})";
constexpr std::size_t kAlerts = 2;

/// One service's folder, the container engine it works on, and its client.
class Scene {
 public:
  /// `step`: the one changing step as the playbook has it.
  Scene(const std::string& step, const std::string& on_unknown) {
    write("heal.yml", fmt::format(R"(version: 1
engines:
  local: {{unix: {}}}
defaults:
  guards: {{fresh_evidence: "off"}}
routes:
  - match: ['alertname=~"WebDown|WebSlow"']
    playbook: restart
    target: "container/local/{{{{ labels.container }}}}"
)",
                                  socket()));
    write("playbooks/restart.yml", fmt::format(R"(version: 1
playbook: restart
summary: Restart it, and see that it runs.
mode: auto
steps:
  - name: look
    docker.inspect: {{}}
  - name: act
    docker.{}
    timeout: 30s
    on_unknown: {}
verify:
  within: 10s
  consecutive: 1
  interval: 20ms
  all: [{{container: running}}]
stay_healthy: 1m
)",
                                               step, on_unknown));
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.enable", "true"}};
    engine.add(web);
    engine.crash("web", 1);
    engine.forget_calls();
  }

  std::vector<std::string> arguments() const { return {(folder_.path() / "heal.yml").string(), storage().string()}; }
  std::filesystem::path storage() const { return folder_.path() / "store"; }

  /// The status of the answer; 0 when there was none.
  int post(std::uint16_t port) {
    HttpClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/webhook", port);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = kNotification;
    const auto response = http_.send(request, clock_.deadline_in(30s), {});
    return response ? response->status : 0;
  }

  /// A number out of the store's file, also while the service holds it.
  std::int64_t count(std::string_view sql) {
    auto connection = sqlite::Connection::open((storage() / "heal.db").string(), sqlite::Connection::Mode::kReadOnly);
    if (!connection) return 0;
    return (*connection)->number(sql).value_or(0);
  }

  /// Waits until the heal is over or the service is dead; true when it lives.
  bool wait_for_end(ServiceProcess& service) {
    const Deadline deadline = clock_.deadline_in(60s);
    while (!service.has_ended(10ms)) {
      const auto ended = count(
          "SELECT count(*) FROM incidents WHERE state NOT IN ('received','held','planned','executing','verifying')");
      if (ended > 0) return true;
      if (clock_.steady_now() > deadline) FAIL("the heal does not end");
    }
    return false;
  }

  std::size_t calls_of(const std::string& verb) {
    const auto calls = engine.calls();
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [&](const SimEngineCall& call) { return call.verb == verb; }));
  }

 private:
  std::string socket() const { return (folder_.path() / "docker.sock").string(); }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }

  test::TempFolder folder_;
  SystemClock clock_;
  CurlHttpClient http_;

 public:
  SimContainerEngine engine{clock_};

 private:
  test::FakeDocker docker_{engine, socket()};
};

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
};
const Rule kProbe{"restart", "restart: {grace: 1s}", "probe", 1, {IncidentState::kRecovered}};
const Rule kRerun{"start", "start: {}", "rerun", 2, {IncidentState::kRecovered}};
const Rule kHalt{
    "restart", "restart: {grace: 1s}", "halt", 1, {IncidentState::kRecovered, IncidentState::kInterrupted}};

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
  if (incident.state == IncidentState::kRecovered) {
    CHECK(scene.calls_of(rule.verb) >= 1);
    CHECK(incident.times.verified_at.has_value());
  }
  return incident.state;
}

TEST_CASE("wherever the service dies during a heal, nothing is lost and nothing is done twice") {
  const auto rule = GENERATE(kProbe, kRerun, kHalt);
  const auto when = GENERATE(as<std::string>(), "before", "after");
  CAPTURE(rule.verb, rule.on_unknown, when);
  int n = 1;
  std::size_t most_calls = 0;
  bool was_interrupted = false;
  for (Life life = Life::kDied; life == Life::kDied; ++n) {
    CAPTURE(n);
    Scene scene(rule.step, rule.on_unknown);
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
    Scene scene(rule.step, rule.on_unknown);
    REQUIRE(heal_until_death(scene, "before", ++outcome) == Life::kDied);
    found = half_done(scene);
  }
  int n = 1;
  for (Life life = Life::kDied; life == Life::kDied; ++n) {
    CAPTURE(n);
    Scene scene(rule.step, rule.on_unknown);
    REQUIRE(heal_until_death(scene, "before", outcome) == Life::kDied);
    REQUIRE(half_done(scene));
    life = heal_until_death(scene, "before", n);
    if (life == Life::kDied) heal_to_the_end(scene);
    check_outcome(scene, rule);
  }
  CHECK(n > 2);
}

}  // namespace
}  // namespace heal
