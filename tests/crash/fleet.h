#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/remedy/coordinator.h"
#include "common/sim/failing_store.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/scripted_http_client.h"
#include "common/sim/scripted_process_runner.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_alertmanager_api.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/sim_dialer.h"
#include "tests/crash/clock_history.h"

namespace heal::test {

/// What a fleet is made like; a seed decides.
struct FleetLimits {
  std::size_t per_group = 1;
  std::size_t total = 2;
  std::uint32_t percent = 50;
  std::size_t at_least = 1;
};

/// Containers that remember who acts on them, and whether they serve.
class WatchedEngine final : public SimContainerEngine {
 public:
  explicit WatchedEngine(Clock& clock);

  /// Whether `name` serves, as its users see it.
  bool serves(const std::string& name);
  /// The container's main process dies.
  void kill_process(const std::string& name);
  /// How often the service has restarted `name`, also when it never heard of it.
  std::size_t times_restarted(const std::string& name);
  /// What must never happen and did.
  std::vector<std::string> violations();
  /// Whether `name` did not serve from `from` to `to`, without a break.
  bool was_down(const std::string& name, SteadyTime from, SteadyTime to);

  Status restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) override;

 private:
  /// A moment at which a container began or ceased to serve.
  struct Change {
    SteadyTime at{};
    std::string name;
    bool serves = false;
  };
  void note(const std::string& name, bool serves);
  void count_start(const std::string& name);

  Clock& clock_;
  Mutex mutex_;
  std::map<std::string, bool> serves_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, int> acting_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> restarted_ HEAL_GUARDED_BY(mutex_);
  std::vector<Change> history_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ HEAL_GUARDED_BY(mutex_);
};

/// A random fleet under random failures: groups of containers, of random sizes, that die, alerts that come twice, late
/// and never, engines, Alertmanagers and stores that go away, kills of the service, clocks that jump; and what must
/// hold whatever happens.
class Fleet {
 public:
  explicit Fleet(std::uint32_t seed);
  ~Fleet();

  /// A life of `moves` random moves.
  void live(int moves);
  /// Everything that was broken is made whole by its people, and the service is left alone until nothing moves any
  /// more.
  void recover();
  /// What did not hold; empty when all did.
  std::vector<std::string> broken_promises();
  /// What was seen happening, so that promises are not kept by doing nothing.
  struct Lived {
    std::size_t commands = 0, restarts = 0, verified = 0, held = 0, kills = 0, jumps = 0, populations = 0;
    std::size_t populations_despite_jumps = 0;  ///< those of them in whose run the clock was set
  };
  Lived lived();

 private:
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  const std::string& any_container();

  void start_service();
  void kill_service();
  void let_time_pass(std::uint32_t wake_ups);

  void break_something();
  void fire_for(const std::string& container);
  void repeat_alerts();
  void resolve_what_serves();
  void trouble();
  void send(const std::vector<Alert>& alerts);
  void count_in_flight();
  bool is_at_rest();
  void promise(bool holds, const std::string& what);

  void check_commands();
  void check_restarts();
  void check_episodes();
  void check_incident_of(const Episode& episode);
  void check_population();
  void check_ends();

  std::mt19937 random_;
  Lived lived_;
  const bool clock_jumps_;
  FleetLimits limits_;
  std::vector<std::string> containers_;

  FakeClock clock_;
  std::optional<ClockHistory> clock_history_;
  SequenceRandom ids_;
  ScriptedHttpClient http_{clock_};
  SimDialer dialer_{clock_};
  ScriptedProcessRunner processes_{clock_};
  std::shared_ptr<WatchedEngine> engine_ = std::make_shared<WatchedEngine>(clock_);
  std::shared_ptr<SimAlertmanagerApi> alertmanager_ = std::make_shared<SimAlertmanagerApi>(clock_);
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  std::shared_ptr<FailingStore> store_;
  Metrics metrics_{"heal_webhook"};
  remedy::RemedyMetrics remedy_metrics_{metrics_};
  std::optional<Snapshot<remedy::World>> world_;
  std::unique_ptr<remedy::Coordinator> service_;

  std::map<std::string, Alert> firing_;  // by container
  std::vector<Alert> past_;
  std::set<std::string> accepted_;         // keys of episodes that the service said it has
  std::set<std::string> accepted_firing_;  // those of them that it was told of while they fired
  std::uint64_t faults_ = 0;

  Mutex mutex_;
  std::vector<std::string> broken_ HEAL_GUARDED_BY(mutex_);
};

}  // namespace heal::test
