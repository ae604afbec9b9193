#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/check.h"
#include "common/base/digest.h"
#include "common/sim/sim_container_engine.h"
#include "common/sim/wait_in.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

/// What the engine gives a container whose process could not be started.
constexpr std::int64_t kCannotStartCode = 128;

}  // namespace

SimContainerEngine::SimContainerEngine(Clock& clock) : clock_(clock) {}

void SimContainerEngine::add(const SimContainer& container) {
  ContainerInfo started;
  {
    MutexLock lock(mutex_);
    Container& made = make(container);
    if (!start_now(made)) return;
    started = made.info;
  }
  run_start_hook(started);
}

void SimContainerEngine::create(const SimContainer& container) {
  MutexLock lock(mutex_);
  make(container);
}

void SimContainerEngine::add_network(const std::string& name) {
  MutexLock lock(mutex_);
  networks_.insert(name);
}

void SimContainerEngine::crash(const std::string& name, std::int64_t exit_code, bool oom_killed) {
  ContainerInfo restarted;
  {
    MutexLock lock(mutex_);
    Container* container = find(name);
    HEAL_CHECK(container != nullptr, "only a container that exists can crash");
    if (!container->info.running() && container->info.status != "paused") return;
    container->info.oom_killed = oom_killed;
    if (oom_killed) emit(*container, "oom");
    const std::string id = container->info.id;
    end_process(*container, exit_code);
    container = find(id);
    if (container == nullptr || !container->info.running()) return;
    restarted = container->info;
  }
  run_start_hook(restarted);
}

void SimContainerEngine::set_health(const std::string& name, const std::string& health) {
  MutexLock lock(mutex_);
  Container* container = find(name);
  HEAL_CHECK(container != nullptr, "only a container that exists has a health");
  container->program.has_healthcheck = health != "none";
  if (std::exchange(container->info.health, health) != health) emit(*container, "health_status: " + health);
}

void SimContainerEngine::set_program(const std::string& name, SimProgram program) {
  MutexLock lock(mutex_);
  Container* container = find(name);
  HEAL_CHECK(container != nullptr, "only a container that exists has a program");
  container->program = std::move(program);
}

void SimContainerEngine::set_stats(const std::string& name, ContainerStats stats) {
  MutexLock lock(mutex_);
  Container* container = find(name);
  HEAL_CHECK(container != nullptr, "only a container that exists uses something");
  container->stats = stats;
}

void SimContainerEngine::append_log(const std::string& name, const std::string& line) {
  MutexLock lock(mutex_);
  Container* container = find(name);
  HEAL_CHECK(container != nullptr, "only a container that exists writes");
  container->log.push_back({clock_.now(), line});
}

void SimContainerEngine::go_away() {
  MutexLock lock(mutex_);
  present_ = false;
  ++departures_;
  changed();
}

void SimContainerEngine::come_back() {
  MutexLock lock(mutex_);
  present_ = true;
}

void SimContainerEngine::fail_next(const std::string& verb, Error error) {
  MutexLock lock(mutex_);
  faults_[verb].fail.push_back(std::move(error));
}

void SimContainerEngine::hide(const std::string& name, Error error) {
  MutexLock lock(mutex_);
  hidden_.insert_or_assign(name, std::move(error));
}

void SimContainerEngine::move_tag(const std::string& image) {
  MutexLock lock(mutex_);
  for (auto& [id, container] : containers_)
    if (container.info.image == image) container.listed_image = "sha256:" + sha256_hex("sim image " + image);
}

void SimContainerEngine::lose_answer_of_next(const std::string& verb, Error error) {
  MutexLock lock(mutex_);
  faults_[verb].lose.push_back(std::move(error));
}

void SimContainerEngine::set_delay(const std::string& verb, Duration delay) {
  MutexLock lock(mutex_);
  faults_[verb].delay = delay;
}

void SimContainerEngine::hear_late_of_pauses(Duration lag) {
  MutexLock lock(mutex_);
  pause_lag_ = lag;
}

void SimContainerEngine::on_start(std::function<void(const ContainerInfo&)> hook) {
  MutexLock lock(mutex_);
  start_hook_ = std::move(hook);
}

void SimContainerEngine::on_run(RunHook hook) {
  MutexLock lock(mutex_);
  run_hook_ = std::move(hook);
}

std::vector<SimEngineCall> SimContainerEngine::calls() {
  MutexLock lock(mutex_);
  return calls_;
}

void SimContainerEngine::forget_calls() {
  MutexLock lock(mutex_);
  calls_.clear();
}

void SimContainerEngine::wait_for_followers(std::size_t count) {
  MutexLock lock(mutex_);
  while (followers_ < count)
    followed_.wait(mutex_);
}

Result<SimContainerEngine::Call> SimContainerEngine::enter(SimEngineCall call, Deadline deadline,
                                                           std::stop_token stop) {
  const std::string what = call.container.empty() ? call.verb : call.verb + " " + call.container;
  if (!call.container.empty() || (call.verb != "version" && call.verb != "list" && call.verb != "run")) {
    HEAL_TRY_STATUS(check_docker_name(call.container, "container"));
  }
  Call state;
  Duration delay{};
  {
    MutexLock lock(mutex_);
    Faults& faults = faults_[call.verb];
    calls_.push_back(std::move(call));
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", what);
    if (!present_) return make_error(ErrorCode::kUnreachable, "cannot reach the engine: connection refused");
    if (!faults.fail.empty()) {
      Error error = std::move(faults.fail.front());
      faults.fail.pop_front();
      return error;
    }
    if (!faults.lose.empty()) {
      state.lost = std::move(faults.lose.front());
      faults.lose.pop_front();
    }
    delay = faults.delay;
  }
  const auto waited = wait_in(clock_, delay, deadline, std::move(stop), what);
  if (!waited && !state.lost) state.lost = waited.error();
  return state;
}

Clock::Wake SimContainerEngine::wait_for_change(std::uint64_t seen, SteadyTime deadline, std::stop_token stop) {
  std::stop_source change;
  {
    MutexLock lock(mutex_);
    if (changes_ != seen) return Clock::Wake::kReached;
    waiters_.push_back(change);
  }
  Clock::Wake wake = Clock::Wake::kReached;
  {
    const std::stop_callback forward(stop, [&change] { change.request_stop(); });
    wake = clock_.sleep_until(deadline, change.get_token());
  }
  MutexLock lock(mutex_);
  std::erase(waiters_, change);
  return wake;
}

void SimContainerEngine::run_start_hook(const ContainerInfo& started) {
  std::function<void(const ContainerInfo&)> start_hook;
  RunHook run_hook;
  std::optional<ContainerSpec> spec;
  {
    MutexLock lock(mutex_);
    start_hook = start_hook_;
    run_hook = run_hook_;
    if (const Container* container = find(started.id)) spec = container->spec;
  }
  if (start_hook) start_hook(started);
  if (!run_hook || !spec) return;
  const auto exit_code = run_hook(*spec, started);
  MutexLock lock(mutex_);
  Container* container = find(started.id);
  if (container != nullptr && exit_code && container->info.running()) end_process(*container, *exit_code);
}

SimContainerEngine::Container* SimContainerEngine::find(const std::string& reference) {
  if (reference.empty()) return nullptr;
  if (const auto it = containers_.find(reference); it != containers_.end()) return &it->second;
  for (auto& [id, container] : containers_)
    if (container.info.name == reference) return &container;
  const auto it = containers_.lower_bound(reference);
  return it != containers_.end() && it->first.starts_with(reference) ? &it->second : nullptr;
}

Result<SimContainerEngine::Container*> SimContainerEngine::require(const std::string& reference) {
  Container* container = find(reference);
  if (container == nullptr) return docker_error(404, "No such container: " + reference);
  return container;
}

SimContainerEngine::Container& SimContainerEngine::make(const SimContainer& container) {
  Container made;
  made.info.id = sha256_hex(fmt::format("sim container {}", ++made_));
  made.info.name = container.name.empty() ? fmt::format("sim_{}", made_) : container.name;
  made.info.image = container.image;
  made.info.labels = container.labels;
  made.info.status = "created";
  made.info.health = container.program.has_healthcheck ? "starting" : "none";
  made.info.restart_policy = container.restart_policy;
  made.info.created_at = clock_.now();
  made.info.network_mode = container.networks.empty() ? "none" : container.networks.front();
  for (const std::string& network : container.networks) {
    networks_.insert(network);
    made.info.networks[network] = "{}";
  }
  made.program = container.program;
  Container& placed = containers_[made.info.id] = std::move(made);
  emit(placed, "create");
  return placed;
}

Status SimContainerEngine::start_now(Container& container) {
  ContainerInfo& info = container.info;
  if (!container.program.start_error.empty()) {
    info.error = container.program.start_error;
    info.exit_code = kCannotStartCode;
    return docker_error(500, info.error);
  }
  container.stopped_by_hand = false;
  info.status = "running";
  info.started_at = clock_.now();
  info.pid = static_cast<std::int64_t>(1000 + changes_);
  info.exit_code = 0;
  info.oom_killed = false;
  info.error.clear();
  if (container.program.has_healthcheck) info.health = "starting";
  emit(container, "start");
  if (container.program.exits_at_start) end_process(container, *container.program.exits_at_start);
  return {};
}

void SimContainerEngine::end_process(Container& container, std::int64_t exit_code) {
  ContainerInfo& info = container.info;
  info.status = "exited";
  info.pid = 0;
  info.exit_code = exit_code;
  info.finished_at = clock_.now();
  if (info.health != "none") info.health = "unhealthy";
  emit(container, "die", {{"exitCode", fmt::format("{}", exit_code)}});
  if (info.auto_remove) {
    emit(container, "destroy");
    const std::string id = info.id;
    containers_.erase(id);
    return;
  }
  apply_restart_policy(container);
}

void SimContainerEngine::apply_restart_policy(Container& container) {
  ContainerInfo& info = container.info;
  const bool wanted = info.restart_policy == "always" || info.restart_policy == "unless-stopped" ||
                      (info.restart_policy == "on-failure" && info.exit_code != 0);
  if (!wanted || container.stopped_by_hand) return;
  ++info.restart_count;
  // A container that ends at every start would restart for ever here: the real engine makes longer and longer pauses.
  if (container.program.exits_at_start || !container.program.start_error.empty()) {
    info.status = "restarting";
    return;
  }
  // It cannot fail: a start error was seen above.
  (void)start_now(container);
}

void SimContainerEngine::emit(const Container& container, std::string action, Labels attributes) {
  const ContainerInfo& info = container.info;
  attributes.insert(info.labels.begin(), info.labels.end());
  events_.push_back({clock_.now(), std::move(action), info.id, info.name, info.image, std::move(attributes)});
  changed();
}

void SimContainerEngine::changed() {
  ++changes_;
  // A waiter's source is known to nobody but its sleep on the clock, so no foreign code runs under the lock.
  for (std::stop_source& waiter : waiters_)
    waiter.request_stop();
  waiters_.clear();
}

}  // namespace heal
