// The service dies before or after each of its writes while it waits for a human, calls one, or cleans up after the
// alerts have resolved. See README.md.

#include <csignal>
#include <functional>

#include <catch2/catch.hpp>

#include "common/system/sqlite_store.h"
#include "common/wire/json.h"
#include "tests/crash/scene.h"

namespace heal {
namespace {

using test::ServiceProcess;

/// Does to a service that serves what its users do, from whatever state to the end; leaves when it dies.
using Drive = std::function<void(Scene&, ServiceProcess&)>;

/// One life of the service that is killed at its write number `n`, if it gets there; true when it did not.
bool outlives_write(Scene& scene, const Drive& drive, const std::string& when, int n) {
  auto arguments = scene.arguments();
  arguments.insert(arguments.end(), {when, std::to_string(n)});
  ServiceProcess service(arguments);
  if (service.port() != 0) drive(scene, service);
  const int code = service.stop();
  CHECK((code == 0 || code == -SIGKILL));
  return code == 0;
}

/// The life after that, to the end.
void go_on(Scene& scene, const Drive& drive) {
  ServiceProcess service(scene.arguments());
  REQUIRE(service.port() != 0);
  drive(scene, service);
  CHECK(service.stop() == 0);
}

/// Kills the service at each of its writes, one after another, then lets it go on to the end; `check` looks at each
/// incident.
void die_everywhere(const std::function<Scene()>& make, const Drive& drive,
                    const std::function<void(Scene&, const Incident&)>& check) {
  const auto when = GENERATE(as<std::string>(), "before", "after");
  CAPTURE(when);
  bool is_over = false;
  int n = 1;
  for (; !is_over; ++n) {
    CAPTURE(n);
    Scene scene = make();
    is_over = outlives_write(scene, drive, when, n);
    if (!is_over) go_on(scene, drive);
    auto store = SqliteStore::open(scene.storage()).value();
    CHECK(store->check_journal().value().first_altered == std::nullopt);
    CHECK(store->open_steps().value().empty());
    const auto incidents = store->incidents({}).value();
    REQUIRE(incidents.size() == 1);
    CAPTURE(to_string(incidents[0].state), incidents[0].reason, incidents[0].message, scene.marks());
    CHECK(store->episodes_of(incidents[0].id).value().size() == kAlerts);
    check(scene, incidents[0]);
  }
  CHECK(n > 6);
}

std::int64_t entries(Scene& scene, std::string_view kind) {
  return scene.count(fmt::format("SELECT count(*) FROM entries WHERE kind='{}'", kind));
}

constexpr const char* kRestart = R"(  - name: restart
    docker.restart: {grace: 1s}
    on_unknown: probe
)";
constexpr const char* kIsOver =
    "SELECT count(*) FROM incidents WHERE state IN "
    "('recovered','closed','failed','escalated','interrupted','suppressed','cancelled')";

/// A human who agrees to whatever he is asked.
void agree(Scene& scene, ServiceProcess& service) {
  (void)scene.post(service.port());
  const std::string is_asked =
      "SELECT count(*) FROM incidents WHERE state = 'awaiting_approval' OR (state IN "
      "('recovered','closed','failed','interrupted','suppressed','cancelled'))";
  if (!scene.wait_for(service, is_asked)) return;
  const auto listed = parse_json(scene.get(service.port(), "/api/v1/incidents?limit=1"));
  if (!listed) return;  // it died
  const Json& incident = (*listed)["incidents"][0];
  if (incident["state"] == "awaiting_approval") {
    if (entries(scene, "approved") == 0) CHECK(scene.calls_of("restart") == 0);
    const Json body{{"plan_hash", incident["plan_hash"]}, {"by", "ada"}, {"reason", "seen"}};
    (void)scene.post(service.port(), "/api/v1/incidents/" + incident["id"].get<std::string>() + "/approve", dump(body));
  }
  (void)scene.wait_for(service, kIsOver);
}

TEST_CASE("wherever the service dies around a human's approval, it is asked for, kept and acted on once") {
  std::size_t recovered = 0;
  die_everywhere([] { return Scene(kRestart, "mode: approve\napproval: {ttl: 1h}\nstay_healthy: 1m\n"); }, agree,
                 [&](Scene& scene, const Incident& incident) {
                   CHECK(incident.state == IncidentState::kRecovered);
                   CHECK(scene.calls_of("restart") == 1);
                   CHECK(entries(scene, "approved") == 1);
                   ++recovered;
                 });
  CHECK(recovered > 6);
}

constexpr const char* kFailing = R"(  - name: tell
    command: {argv: ["@mark", told]}
    on_unknown: undo
    undo: {command: {argv: ["@mark", taken_back]}}
  - name: wrong
    assert: [{value: target.name, is: nobody}]
)";
/// Nobody listens there.
constexpr const char* kDeafAlertmanager =
    "alertmanagers: [{url: \"http://127.0.0.1:1\"}]\nsources: {alertmanager: {absence: \"off\"}}\n";

TEST_CASE("wherever the service dies around the call for a human, he is called with the evidence, told once of it") {
  std::size_t escalated = 0;
  const Drive drive = [](Scene& scene, ServiceProcess& service) {
    (void)scene.post(service.port());
    (void)scene.wait_for(service,
                         "SELECT count(*) FROM incidents WHERE (state = 'escalated' AND EXISTS (SELECT 1 FROM entries "
                         "WHERE kind = 'page')) OR state IN ('interrupted','failed')");
  };
  die_everywhere([] { return Scene(kFailing, "mode: auto\nescalate: [page]\n", kDeafAlertmanager); }, drive,
                 [&](Scene& scene, const Incident& incident) {
                   const auto marks = scene.marks();
                   CHECK(std::count(marks.begin(), marks.end(), "told") <= 1);
                   CHECK(std::count(marks.begin(), marks.end(), "taken_back") <= 1);
                   if (incident.state == IncidentState::kInterrupted) return;  // the undo itself is unknown
                   CHECK(incident.state == IncidentState::kEscalated);
                   CHECK(entries(scene, "evidence") == 1);
                   CHECK(entries(scene, "page") == 1);
                   ++escalated;
                 });
  CHECK(escalated > 6);
}

TEST_CASE("wherever the service dies around on_resolved, its steps run once, and only after the alerts have resolved") {
  const std::string rest = R"(mode: auto
stay_healthy: 100ms
on_resolved:
  check: [{container: running}]
  steps:
    - name: after
      command: {argv: ["@mark", after]}
      on_unknown: halt
)";
  std::string resolved = kNotification;
  for (std::size_t at = 0; (at = resolved.find("\"firing\"", at)) != std::string::npos;)
    resolved.replace(at, 8, "\"resolved\"");
  for (std::size_t at = 0; (at = resolved.find("0001-01-01T00:00:00Z", at)) != std::string::npos;)
    resolved.replace(at, 20, "2030-01-02T03:05:00Z");
  std::size_t closed = 0, halted = 0;
  const Drive drive = [&](Scene& scene, ServiceProcess& service) {
    (void)scene.post(service.port());
    // Not earlier: what is written at the end of stay_healthy would come now before, now after what the resolve writes,
    // and who dies at one write after the other might pass one over.
    const char* waits =
        "SELECT count(*) FROM incidents WHERE state IN ('closed','failed','escalated','interrupted') OR "
        "(state = 'recovered' AND doc LIKE '%waits_for_resolve%')";
    if (!scene.wait_for(service, waits)) return;
    if (scene.count("SELECT count(*) FROM episodes WHERE resolved_at IS NOT NULL") == 0) CHECK(scene.marks().empty());
    (void)scene.post(service.port(), "/webhook", resolved);
    (void)scene.wait_for(service,
                         "SELECT count(*) FROM incidents WHERE state IN ('closed','failed','escalated','interrupted')");
  };
  die_everywhere([&] { return Scene(kRestart, rest); }, drive,
                 [&](Scene& scene, const Incident& incident) {
                   CHECK(scene.calls_of("restart") == 1);
                   CHECK(scene.marks().size() <= 1);
                   if (incident.state == IncidentState::kClosed) {
                     ++closed;
                     CHECK(scene.marks() == std::vector<std::string>{"after"});
                   } else {
                     ++halted;
                   }
                 });
  CHECK(closed > 6);
  CHECK(halted >= 1);
}

}  // namespace
}  // namespace heal
