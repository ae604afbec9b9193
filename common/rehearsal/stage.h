#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/playbook/bundle.h"
#include "common/rehearsal/balancer.h"
#include "common/rehearsal/case.h"
#include "common/remedy/coordinator.h"
#include "common/remedy/source/sources.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/scripted_prometheus_api.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dialer.h"
#include "common/sim/sim_dns_client.h"
#include "common/sim/sim_host.h"
#include "common/sim/sim_mailer.h"

namespace heal::rehearsal {

/// Which containers run and which of them do not answer all the same, for whoever asks their health checks.
class Cast {
 public:
  explicit Cast(Clock& clock) : clock_(clock) {}

  void add_engine(const std::string& name, std::shared_ptr<SimContainerEngine> engine);
  /// Does not answer from now on: until it is started again, or whatever is done.
  void spoil(const std::string& engine, const std::string& container, ContainerChange::Becomes how);
  void mend(const std::string& engine, const std::string& container);
  /// Whether it answers now. Thread-safe; an engine that is away does not change what runs.
  bool answers(const std::string& engine, const std::string& container);

 private:
  using Name = std::pair<std::string, std::string>;

  Clock& clock_;
  std::map<std::string, std::shared_ptr<SimContainerEngine>> engines_;  // complete before anybody asks
  Mutex mutex_;
  std::map<Name, ContainerChange::Becomes> spoiled_ HEAL_GUARDED_BY(mutex_);
  std::map<Name, bool> was_running_ HEAL_GUARDED_BY(mutex_);
};

/// What programs do that are run inside of containers; those that nobody set end with 0 and say nothing. Thread-safe.
class ExecScripts {
 public:
  /// The newest word about a program counts.
  void set(const ExecDoes& does);
  ExecOutcome run(const std::string& container, const std::vector<std::string>& argv);

 private:
  Mutex mutex_;
  std::vector<ExecDoes> scripts_ HEAL_GUARDED_BY(mutex_);
};

/// A network in which containers accept connections while they answer.
class CastDialer final : public Dialer {
 public:
  CastDialer(Clock& clock, Cast& cast) : sim_(clock), cast_(cast) {}

  void follow(const std::string& address, std::string engine, std::string container);
  void set(const std::string& address, SimDialer::Behaviour behaviour);
  /// `balancer` answers what is asked there.
  void answer(const std::string& address, std::shared_ptr<Balancer> balancer);
  Status connect(const std::string& address, Deadline deadline, std::stop_token stop) override;
  Result<std::string> exchange(const std::string& address, const std::string& request, Deadline deadline,
                               std::stop_token stop) override;

 private:
  SimDialer sim_;
  Cast& cast_;
  Mutex mutex_;
  std::map<std::string, std::pair<std::string, std::string>> followed_ HEAL_GUARDED_BY(mutex_);
};

/// Name servers, those in containers answering while the containers do.
class CastDnsClient final : public DnsClient {
 public:
  CastDnsClient(Clock& clock, Cast& cast) : sim_(clock), cast_(cast) {}

  void follow(const std::string& server, std::string engine, std::string container);
  /// nullopt: nothing is said.
  void set(const DnsLookup& lookup, const std::optional<DnsReply>& reply);
  Result<DnsReply> look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) override;

 private:
  SimDnsClient sim_;
  Cast& cast_;
  Mutex mutex_;
  std::map<std::string, std::pair<std::string, std::string>> followed_ HEAL_GUARDED_BY(mutex_);
};

/// The whole healer, as heal-webhook runs it, in a simulated world with a clock that jumps from one event to the next.
/// One thread uses it; no other thread of the process may work meanwhile, because time moves when all of them sleep.
class Stage {
 public:
  /// All must outlive it. `watch` is a real clock: a simulation that works on and on is given up.
  Stage(const playbook::Bundle& bundle, const TestCase& test, Clock& watch);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Plays the timeline and goes on until it is time to look. kInvalid with the place when a line cannot be played,
  /// kTimeout when the simulation does not come to rest, kCancelled.
  Status play(std::stop_token stop);

  WallTime began_at() const { return began_at_; }
  MemoryStore& store() { return store_; }
  /// Every change of a container that a step asked for: `restart nginx`.
  std::vector<std::string> calls();
  /// The names of all alerts that were posted, each once, sorted.
  std::vector<std::string> posted_alerts();
  /// What did not go as the test may think: lines for people.
  std::vector<std::string> remarks() const;

 private:
  void build_world(const TestCase& test);
  void add_container(const CastContainer& container);
  void follow_health(const std::string& address, const std::string& engine, const std::string& container);
  std::string engine_or_default(const std::string& engine) const;
  Result<SimContainerEngine*> engine_of(const std::string& name);

  Status perform(const AlertChange& change);
  Status perform(const PayloadArrives& payload);
  Status perform(const ContainerChange& change);
  Status perform(const HttpAnswers& answers);
  Status perform(const TcpAnswers& answers);
  Status perform(const DnsAnswers& answers);
  Status perform(const PromqlGives& gives);
  Status perform(const ProgramDoes& does);
  Status perform(const ExecDoes& does);
  Status perform(const HaproxyListens& listens);
  Status perform(const ClockSet& set);
  Status perform(const EngineChange& change);
  Status perform(const OperatorActs& acts);
  Status perform(const PauseChange& change);
  Status perform(const LeverMoved& moved);
  Status perform(const HealAsked& asked);
  Status perform_all(const Happening& what);

  /// Alertmanager has it now.
  void hold(const Alert& alert);
  void tell(EventBatch batch);
  void remark(const std::string& what, const Error& error);
  /// Waits until nobody works any more.
  Status settle(const std::stop_token& stop);
  /// Lets time pass until `when`.
  Status run_to(SteadyTime when, const std::stop_token& stop);
  Status run_to_the_end(const std::stop_token& stop);
  bool is_over();
  void learn_names();

  const playbook::Bundle& bundle_;
  const TestCase& test_;
  Clock& watch_;
  FakeClock clock_;
  SequenceRandom random_;
  MemoryStore store_;
  ScriptedHttpClient http_{clock_};
  Cast cast_{clock_};
  CastDialer dialer_{clock_, cast_};
  CastDnsClient dns_{clock_, cast_};
  ScriptedProcessRunner processes_{clock_};
  ExecScripts execs_;
  SimMailer mailer_{clock_};
  SimHost host_{clock_};
  std::map<std::string, std::shared_ptr<SimContainerEngine>> engines_;
  std::shared_ptr<SimAlertmanagerApi> alertmanager_;
  std::shared_ptr<ScriptedPrometheusApi> prometheus_;
  std::map<Labels, Alert> firing_;
  std::set<Labels> silenced_;
  std::map<std::string, std::string> names_;  // of containers, by id
  WallTime began_at_{};
  SteadyTime began_steady_{};
  std::vector<SimEngineCall> own_calls_;  // changes that the timeline made
  mutable Mutex mutex_;
  std::vector<std::string> remarks_ HEAL_GUARDED_BY(mutex_);

  Metrics metrics_{"heal_rehearsal"};
  remedy::RemedyMetrics remedy_metrics_{metrics_};
  std::optional<Snapshot<remedy::World>> world_;
  std::unique_ptr<remedy::Coordinator> coordinator_;
  std::unique_ptr<remedy::Sources> sources_;
};

}  // namespace heal::rehearsal
