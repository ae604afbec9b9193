#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/remedy/coordinator.h"
#include "common/remedy/source/alertmanager_events.h"
#include "common/sim/failing_store.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/scripted_prometheus_api.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dialer.h"
#include "common/sim/sim_mailer.h"

namespace heal::remedy::test {

/// heal.yml and the playbook of the tests, unless they bring their own.
extern const char* const kHealYml;
extern const char* const kRestartPlaybook;
/// The same in mode approve.
std::string approve_mode(const std::string& approval = "{ttl: 15m}");

/// The whole pipeline on simulated ports: one container `nginx` (heal.enable, with a health URL that answers while it
/// runs), one Alertmanager, a store that can be made to fail, and a clock that moves when a test says so.
class Rig {
 public:
  explicit Rig(const std::string& playbook = kRestartPlaybook, const std::string& heal_yml = kHealYml);
  ~Rig();

  /// Starts a (further) coordinator on the store as it is.
  void start();
  /// Ends it as a kill would: nothing that it wants to write any more reaches the store.
  void kill();
  void stop();

  /// The alert NginxDown of `container`, firing since `age` ago; it is held by Alertmanager too.
  Alert fire(const std::string& container = "nginx", Duration age = 0s);
  /// Writes the lease of a fault that somebody has injected into nginx a second from now.
  FaultLease inject(bool pages = false);
  Alert resolve(Alert alert);
  /// A person silences it: Alertmanager holds it as suppressed.
  void silence(const Alert& alert);
  /// From now on no Alertmanager is configured.
  void forget_alertmanagers();
  /// As Docker's source tells of nginx' end, now.
  SourceEvent death();
  static AlertGroup group_of(std::vector<Alert> alerts);

  Result<IngestReply> post(const AlertGroup& group);
  Result<IngestReply> tell(EventBatch batch);
  Result<HealAnswer> heal(HealRequest request);
  Result<Incident> operate(OperatorRequest request);
  /// From now on the world has this playbook too, or instead of the one of that name.
  void add_playbook(const std::string& text);

  /// Lets time pass, jumping from one wake-up to the next, until `done` holds and nobody is at work any more.
  void run_until(const std::function<bool()>& done);
  /// The same until the newest incident is in `state`; gives it.
  Incident run_to(IncidentState state);
  /// Waits, without moving the clock, until `done` holds.
  void await(const std::function<bool()>& done);

  std::vector<Incident> incidents();  ///< newest first
  std::string story();                ///< a line each
  Incident newest();
  std::vector<TimelineEntry> timeline(const std::string& id);
  std::vector<std::string> kinds(const std::string& id);
  /// Calls that change containers.
  std::vector<SimEngineCall> changes();

  FakeClock clock;
  SequenceRandom random;
  ScriptedHttpClient http{clock};
  SimDialer dialer{clock};
  SimMailer mailer{clock};
  ScriptedProcessRunner processes{clock};
  std::shared_ptr<SimContainerEngine> engine = std::make_shared<SimContainerEngine>(clock);
  std::shared_ptr<SimAlertmanagerApi> alertmanager = std::make_shared<SimAlertmanagerApi>(clock);
  std::shared_ptr<ScriptedPrometheusApi> prometheus = std::make_shared<ScriptedPrometheusApi>(clock);
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>();
  std::shared_ptr<FailingStore> store = std::make_shared<FailingStore>(memory);
  Metrics metrics{"heal_webhook"};
  RemedyMetrics remedy_metrics{metrics};
  std::optional<Snapshot<World>> world;
  std::unique_ptr<Coordinator> coordinator;
};

}  // namespace heal::remedy::test
