#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/port/clock.h"
#include "common/port/container_engine.h"

namespace heal {

/// How a simulated container's main process behaves.
struct SimProgram {
  /// Exit code after SIGTERM; nullopt: it ignores the signal, and stop waits for the grace and kills (137).
  std::optional<std::int64_t> on_term = 143;
  /// Ends by itself with this code right after each start.
  std::optional<std::int64_t> exits_at_start;
  /// Every start fails with this reason (HTTP 500), as with an occupied port.
  std::string start_error;
  bool has_healthcheck = false;  ///< health is `starting` after each start; set_health() moves it
};

/// A container to begin with.
struct SimContainer {
  std::string name;
  std::string image = "sim/image:1";
  Labels labels;
  std::string restart_policy = "no";
  std::vector<std::string> networks = {"bridge"};
  SimProgram program{};
};

/// One call that the engine got.
struct SimEngineCall {
  std::string verb;  ///< the name of the ContainerEngine function
  std::string container;
  std::string argument;  ///< signal, grace, network, new name, program; "" for other verbs

  bool operator==(const SimEngineCall&) const = default;
};

/// Containers in memory that obey the rules of Docker 20.10, errors included, on a clock. Thread-safe.
class SimContainerEngine : public ContainerEngine {
 public:
  explicit SimContainerEngine(Clock& clock);

  /// Creates `container` and starts it.
  void add(const SimContainer& container);
  /// The same without starting.
  void create(const SimContainer& container);
  void add_network(const std::string& name);
  /// The first half of run(): creates without starting, and is no call that calls() shows.
  Result<std::string> create_from(const ContainerSpec& spec);

  /// The main process ends by itself: emits `die` (and `oom`), then the restart policy decides.
  void crash(const std::string& name, std::int64_t exit_code, bool oom_killed = false);
  /// The health check's new result: healthy or unhealthy.
  void set_health(const std::string& name, const std::string& health);
  void set_program(const std::string& name, SimProgram program);
  void set_stats(const std::string& name, ContainerStats stats);
  /// Appends a line to the container's log, now.
  void append_log(const std::string& name, const std::string& line);

  /// The engine is gone: every call is kUnreachable and followers of events end, until come_back().
  void go_away();
  void come_back();
  /// The next call of `verb` fails with `error` and does nothing.
  void fail_next(const std::string& verb, Error error);
  /// The next call of `verb` does its work, but its answer is lost: it fails with `error`.
  void lose_answer_of_next(const std::string& verb, Error error);
  /// Every inspect of container `name` fails with `error` from now on; lists still show it.
  void hide(const std::string& name, Error error);
  /// `image` stands for another image from now on: lists show what was made of it before by its id.
  void move_tag(const std::string& image);
  /// Every call of `verb` takes this long from now on.
  void set_delay(const std::string& verb, Duration delay);
  /// After an unpause, inspect says for this long that the container is paused still. Docker hears of a pause from its
  /// runtime too; when that comes late, it takes the container for paused again until it hears of the unpause.
  void hear_late_of_pauses(Duration lag);
  /// Called after each start of a container, without a lock held: for what a healed service does then.
  void on_start(std::function<void(const ContainerInfo&)> hook);
  /// What a container made by run() does: its exit code when it ends at once, nullopt when it stays. Called without a
  /// lock held. Without a hook it stays.
  void on_run(std::function<std::optional<std::int64_t>(const ContainerSpec&, const ContainerInfo&)> hook);

  /// What a program run by exec() does. Called without a lock held. Without a hook every program ends with 0 and says
  /// nothing.
  using ExecHook = std::function<Result<ExecOutcome>(const ContainerInfo&, const ExecSpec&)>;
  void on_exec(ExecHook hook);

  /// All calls so far, in order.
  std::vector<SimEngineCall> calls();
  void forget_calls();
  /// Blocks, in real time, until at least `count` callers follow events().
  void wait_for_followers(std::size_t count);

  Result<Version> version(Deadline deadline, std::stop_token stop) override;
  Result<std::vector<ContainerInfo>> list(Deadline deadline, std::stop_token stop) override;
  Result<ContainerInfo> inspect(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<ContainerStats> stats(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<std::optional<WallTime>> last_log_time(const std::string& container, Deadline deadline,
                                                std::stop_token stop) override;
  Result<std::string> logs_tail(const std::string& container, int lines, std::size_t max_bytes, Deadline deadline,
                                std::stop_token stop) override;
  Result<EngineChange> start(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Result<EngineChange> stop(const std::string& container, Duration grace, Deadline deadline,
                            std::stop_token stop) override;
  Status restart(const std::string& container, Duration grace, Deadline deadline, std::stop_token stop) override;
  Status kill(const std::string& container, const std::string& signal, Deadline deadline,
              std::stop_token stop) override;
  Status pause(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status unpause(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status update(const std::string& container, const ContainerLimits& limits, Deadline deadline,
                std::stop_token stop) override;
  Result<ExecOutcome> exec(const std::string& container, const ExecSpec& spec, Deadline deadline,
                           std::stop_token stop) override;
  Result<std::string> clone(const std::string& container, const std::string& name, Deadline deadline,
                            std::stop_token stop) override;
  Status rename(const std::string& container, const std::string& name, Deadline deadline,
                std::stop_token stop) override;
  Status disconnect_network(const std::string& container, const std::string& network, Deadline deadline,
                            std::stop_token stop) override;
  Status connect_network(const std::string& container, const std::string& network, const std::string& endpoint,
                         Deadline deadline, std::stop_token stop) override;
  Result<std::string> run(const ContainerSpec& spec, Deadline deadline, std::stop_token stop) override;
  Result<std::int64_t> wait(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status remove(const std::string& container, Deadline deadline, std::stop_token stop) override;
  Status events(std::optional<WallTime> since, const std::function<void(const ContainerEvent&)>& on_event,
                std::stop_token stop) override;

 private:
  struct LogLine {
    WallTime at{};
    std::string text;
  };
  struct Container {
    ContainerInfo info;
    SimProgram program;
    ContainerStats stats;
    std::vector<LogLine> log;
    std::optional<ContainerSpec> spec;  ///< of one made by run()
    std::string listed_image;           ///< what lists call its image, once the name stands for another
    SteadyTime seems_paused_until{};
    bool stopped_by_hand = false;
  };
  struct Faults {
    std::deque<Error> fail;
    std::deque<Error> lose;
    Duration delay{};
  };
  using RunHook = std::function<std::optional<std::int64_t>(const ContainerSpec&, const ContainerInfo&)>;

  /// A call under way. `lost` is set when its caller will not hear what it did.
  struct Call {
    std::optional<Error> lost;

    template <typename T>
    Result<T> answer(T value) {
      if (lost) return std::move(*lost);
      return value;
    }
    Status answer() { return lost ? Status(std::move(*lost)) : Status(); }
  };

  /// Logs the call, fails as it was told to, and lets its delay pass. A caller that leaves meanwhile does not stop the
  /// engine.
  Result<Call> enter(SimEngineCall call, Deadline deadline, std::stop_token stop);
  /// Sleeps until something changes after `seen`, until `deadline`, or until `stop`.
  Clock::Wake wait_for_change(std::uint64_t seen, SteadyTime deadline, std::stop_token stop);
  /// Ends a living container as a stop does and gives true; false when it does not live.
  Result<bool> stop_process(const std::string& container, Duration grace, Call& call, Deadline deadline,
                            std::stop_token stop);
  void run_start_hook(const ContainerInfo& started);

  Container* find(const std::string& reference) HEAL_REQUIRES(mutex_);
  Result<Container*> require(const std::string& reference) HEAL_REQUIRES(mutex_);
  Container& make(const SimContainer& container) HEAL_REQUIRES(mutex_);
  Status start_now(Container& container) HEAL_REQUIRES(mutex_);
  void end_process(Container& container, std::int64_t exit_code) HEAL_REQUIRES(mutex_);
  void apply_restart_policy(Container& container) HEAL_REQUIRES(mutex_);
  void kill_now(Container& container) HEAL_REQUIRES(mutex_);
  Status check_free(const std::string& name) HEAL_REQUIRES(mutex_);
  Result<EngineChange> start_locked(const std::string& container, ContainerInfo& started) HEAL_REQUIRES(mutex_);
  void emit(const Container& container, std::string action, Labels attributes = {}) HEAL_REQUIRES(mutex_);
  void changed() HEAL_REQUIRES(mutex_);

  Clock& clock_;

  Mutex mutex_;
  CondVar followed_;
  std::map<std::string, Container> containers_ HEAL_GUARDED_BY(mutex_);  // by id
  std::set<std::string> networks_ HEAL_GUARDED_BY(mutex_){"bridge", "host", "none"};
  std::vector<ContainerEvent> events_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, Error> hidden_ HEAL_GUARDED_BY(mutex_);  // by name
  std::map<std::string, Faults> faults_ HEAL_GUARDED_BY(mutex_);
  std::vector<SimEngineCall> calls_ HEAL_GUARDED_BY(mutex_);
  std::function<void(const ContainerInfo&)> start_hook_ HEAL_GUARDED_BY(mutex_);
  RunHook run_hook_ HEAL_GUARDED_BY(mutex_);
  ExecHook exec_hook_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::stop_source> waiters_ HEAL_GUARDED_BY(mutex_);
  Duration pause_lag_ HEAL_GUARDED_BY(mutex_){};
  std::uint64_t changes_ HEAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t departures_ HEAL_GUARDED_BY(mutex_) = 0;
  std::size_t followers_ HEAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t made_ HEAL_GUARDED_BY(mutex_) = 0;
  bool present_ HEAL_GUARDED_BY(mutex_) = true;
};

}  // namespace heal
