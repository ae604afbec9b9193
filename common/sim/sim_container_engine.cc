#include "common/sim/sim_container_engine.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/sim/wait_in.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

constexpr std::int64_t kKilled = 128 + 9;

/// Linux signals by number, as the engine accepts them with and without SIG.
constexpr std::array<std::string_view, 32> kSignals{"",       "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
                                                    "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
                                                    "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
                                                    "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};

std::optional<int> signal_number(std::string_view name) {
  if (const auto number = parse_int(name)) {
    return *number > 0 && *number < static_cast<std::int64_t>(kSignals.size())
               ? std::optional(static_cast<int>(*number))
               : std::nullopt;
  }
  if (name.substr(0, 3) == "SIG") name.remove_prefix(3);
  const auto it = std::find(kSignals.begin() + 1, kSignals.end(), name);
  return it == kSignals.end() ? std::nullopt : std::optional(static_cast<int>(it - kSignals.begin()));
}

bool lives(const ContainerInfo& info) {
  return info.running() || info.status == "paused" || info.status == "restarting";
}

Error not_running(const ContainerInfo& info) {
  return docker_error(409, fmt::format("Container {} is not running", info.id));
}

}  // namespace

Result<ContainerEngine::Version> SimContainerEngine::version(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"version", "", ""}, deadline, std::move(stop)));
  return call.answer(Version{"20.10.24", "1.41"});
}

Result<std::vector<ContainerInfo>> SimContainerEngine::list(Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"list", "", ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  std::vector<ContainerInfo> list;
  for (const auto& [id, container] : containers_) {
    ContainerInfo brief = container.info;
    brief.pid = brief.restart_count = 0;
    brief.oom_killed = brief.auto_remove = false;
    brief.error = brief.restart_policy = "";
    brief.started_at = brief.finished_at = std::nullopt;
    brief.memory_limit_bytes = std::nullopt;
    brief.limits = {};
    if (!container.listed_image.empty()) brief.image = container.listed_image;
    if (brief.status != "exited") brief.exit_code = 0;
    if (brief.status != "running") brief.health = "none";
    list.push_back(std::move(brief));
  }
  return call.answer(std::move(list));
}

Result<ContainerInfo> SimContainerEngine::inspect(const std::string& container, Deadline deadline,
                                                  std::stop_token stop) {
  HEAL_TRY(auto call, enter({"inspect", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(const Container* found, require(container));
  if (const auto it = hidden_.find(found->info.name); it != hidden_.end()) return it->second;
  ContainerInfo info = found->info;
  if (info.running() && clock_.steady_now() < found->seems_paused_until) info.status = "paused";
  return call.answer(std::move(info));
}

Result<ContainerStats> SimContainerEngine::stats(const std::string& container, Deadline deadline,
                                                 std::stop_token stop) {
  HEAL_TRY(auto call, enter({"stats", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(const Container* found, require(container));
  if (!lives(found->info)) return make_error(ErrorCode::kConflict, "the container is not running");
  return call.answer(found->stats);
}

Result<std::optional<WallTime>> SimContainerEngine::last_log_time(const std::string& container, Deadline deadline,
                                                                  std::stop_token stop) {
  HEAL_TRY(auto call, enter({"last_log_time", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(const Container* found, require(container));
  return call.answer(found->log.empty() ? std::optional<WallTime>() : found->log.back().at);
}

Result<std::string> SimContainerEngine::logs_tail(const std::string& container, int lines, std::size_t max_bytes,
                                                  Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"logs_tail", container, fmt::format("{}", lines)}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(const Container* found, require(container));
  const auto wanted = std::min(found->log.size(), static_cast<std::size_t>(std::max(lines, 0)));
  std::string text;
  for (auto line = found->log.end() - static_cast<std::ptrdiff_t>(wanted); line != found->log.end(); ++line)
    text += line->text + "\n";
  if (text.size() > max_bytes) text.erase(0, text.size() - max_bytes);
  return call.answer(std::move(text));
}

Result<EngineChange> SimContainerEngine::start_locked(const std::string& container, ContainerInfo& started) {
  HEAL_TRY(Container * found, require(container));
  if (found->info.status == "paused") {
    return docker_error(409, "cannot start a paused container, try unpause instead");
  }
  if (lives(found->info)) return EngineChange::kAlready;
  HEAL_TRY_STATUS(start_now(*found));
  started = found->info;
  return EngineChange::kDone;
}

Result<EngineChange> SimContainerEngine::start(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"start", container, ""}, deadline, std::move(stop)));
  ContainerInfo started;
  const auto change = [&]() -> Result<EngineChange> {
    MutexLock lock(mutex_);
    return start_locked(container, started);
  }();
  if (!change) return change;
  if (change == EngineChange::kDone) run_start_hook(started);
  return call.answer(*change);
}

void SimContainerEngine::kill_now(Container& container) {
  emit(container, "kill", {{"signal", "9"}});
  container.stopped_by_hand = true;
  end_process(container, kKilled);
}

Result<bool> SimContainerEngine::stop_process(const std::string& container, Duration grace, Call& call,
                                              Deadline deadline, std::stop_token stop) {
  {
    MutexLock lock(mutex_);
    HEAL_TRY(Container * found, require(container));
    if (!lives(found->info)) return false;
    emit(*found, "kill", {{"signal", "15"}});
    found->stopped_by_hand = true;
    if (found->program.on_term && found->info.running()) {
      const ContainerInfo before = found->info;
      end_process(*found, *found->program.on_term);
      if (Container* still = find(before.id)) emit(*still, "stop");
      return true;
    }
  }
  const auto waited = wait_in(clock_, grace, deadline, std::move(stop), "stop " + container);
  if (!waited && !call.lost) call.lost = waited.error();
  MutexLock lock(mutex_);
  Container* found = find(container);
  if (found == nullptr || !lives(found->info)) return true;
  const std::string id = found->info.id;
  if (found->info.status == "paused") {
    found->info.status = "running";
    emit(*found, "unpause");
  }
  kill_now(*found);
  if (Container* still = find(id)) emit(*still, "stop");
  return true;
}

Result<EngineChange> SimContainerEngine::stop(const std::string& container, Duration grace, Deadline deadline,
                                              std::stop_token stop) {
  HEAL_TRY(auto call, enter({"stop", container, format_duration(grace)}, deadline, stop));
  HEAL_TRY(const bool stopped, stop_process(container, grace, call, deadline, std::move(stop)));
  return call.answer(stopped ? EngineChange::kDone : EngineChange::kAlready);
}

Status SimContainerEngine::restart(const std::string& container, Duration grace, Deadline deadline,
                                   std::stop_token stop) {
  HEAL_TRY(auto call, enter({"restart", container, format_duration(grace)}, deadline, stop));
  HEAL_TRY_STATUS(stop_process(container, grace, call, deadline, std::move(stop)));
  ContainerInfo started;
  {
    MutexLock lock(mutex_);
    HEAL_TRY_STATUS(start_locked(container, started));
    if (Container* found = find(container)) emit(*found, "restart");
  }
  run_start_hook(started);
  return call.answer();
}

Status SimContainerEngine::kill(const std::string& container, const std::string& signal, Deadline deadline,
                                std::stop_token stop) {
  HEAL_TRY(auto call, enter({"kill", container, signal}, deadline, std::move(stop)));
  const auto number = signal_number(signal);
  if (!number) return docker_error(400, "Invalid signal: " + signal);
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  if (!lives(found->info)) {
    return docker_error(
        409, fmt::format("Cannot kill container: {}: Container {} is not running", container, found->info.id));
  }
  if (*number == 9) {
    kill_now(*found);
    return call.answer();
  }
  emit(*found, "kill", {{"signal", fmt::format("{}", *number)}});
  found->stopped_by_hand = true;
  if (*number == 15 && found->program.on_term && found->info.running()) end_process(*found, *found->program.on_term);
  return call.answer();
}

Status SimContainerEngine::pause(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"pause", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  if (found->info.status == "paused") {
    return docker_error(409, fmt::format("Container {} is already paused", found->info.id));
  }
  if (!found->info.running()) return not_running(found->info);
  found->info.status = "paused";
  emit(*found, "pause");
  return call.answer();
}

Status SimContainerEngine::unpause(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"unpause", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  if (found->info.status != "paused") {
    return docker_error(500, fmt::format("Container {} is not paused", found->info.id));
  }
  found->info.status = "running";
  found->seems_paused_until = clock_.steady_now() + pause_lag_;
  emit(*found, "unpause");
  return call.answer();
}

Status SimContainerEngine::disconnect_network(const std::string& container, const std::string& network,
                                              Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(network, "network"));
  HEAL_TRY(auto call, enter({"disconnect_network", container, network}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  if (!networks_.contains(network)) return docker_error(404, fmt::format("network {} not found", network));
  HEAL_TRY(Container * found, require(container));
  if (found->info.networks.erase(network) == 0) {
    return docker_error(500, fmt::format("container {} is not connected to network {}", found->info.id, network));
  }
  changed();
  return call.answer();
}

Status SimContainerEngine::connect_network(const std::string& container, const std::string& network,
                                           const std::string& endpoint, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_docker_name(network, "network"));
  HEAL_TRY_STATUS(write_docker_connect(container, endpoint));
  HEAL_TRY(auto call, enter({"connect_network", container, network}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  if (!networks_.contains(network)) return docker_error(404, fmt::format("network {} not found", network));
  HEAL_TRY(Container * found, require(container));
  if (!found->info.networks.emplace(network, endpoint.empty() ? "{}" : endpoint).second) {
    return docker_error(403,
                        fmt::format("endpoint with name {} already exists in network {}", found->info.name, network));
  }
  changed();
  return call.answer();
}

Result<std::string> SimContainerEngine::create_from(const ContainerSpec& spec) {
  MutexLock lock(mutex_);
  HEAL_TRY_STATUS(check_free(spec.name));
  Container& made = make({spec.name, spec.image, spec.labels, "no", {}, {}});
  made.spec = spec;
  made.info.auto_remove = spec.auto_remove;
  made.info.network_mode = spec.network_mode;
  if (networks_.contains(spec.network_mode)) made.info.networks[spec.network_mode] = "{}";
  return made.info.id;
}

Result<std::string> SimContainerEngine::run(const ContainerSpec& spec, Deadline deadline, std::stop_token stop) {
  if (!spec.name.empty()) {
    HEAL_TRY_STATUS(check_docker_name(spec.name, "container"));
  }
  HEAL_TRY(auto call, enter({"run", spec.name, spec.image}, deadline, std::move(stop)));
  HEAL_TRY(const auto id, create_from(spec));
  ContainerInfo started;
  {
    MutexLock lock(mutex_);
    HEAL_TRY_STATUS(start_locked(id, started));
  }
  run_start_hook(started);
  return call.answer(id);
}

Result<std::int64_t> SimContainerEngine::wait(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"wait", container, ""}, deadline, stop));
  for (;;) {
    std::uint64_t seen = 0;
    {
      MutexLock lock(mutex_);
      if (!present_) return make_error(ErrorCode::kUnavailable, "the engine closed the connection");
      HEAL_TRY(const Container* found, require(container));
      if (!lives(found->info)) return call.answer(found->info.exit_code);
      seen = changes_;
    }
    if (clock_.steady_now() >= deadline) return make_error(ErrorCode::kTimeout, "wait {}: timed out", container);
    wait_for_change(seen, deadline, stop);
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "wait {}: stopped", container);
  }
}

Status SimContainerEngine::remove(const std::string& container, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(auto call, enter({"remove", container, ""}, deadline, std::move(stop)));
  MutexLock lock(mutex_);
  HEAL_TRY(Container * found, require(container));
  const std::string id = found->info.id;
  if (lives(found->info)) kill_now(*found);
  if (Container* still = find(id)) {
    emit(*still, "destroy");
    containers_.erase(id);
  }
  return call.answer();
}

Status SimContainerEngine::events(std::optional<WallTime> since,
                                  const std::function<void(const ContainerEvent&)>& on_event, std::stop_token stop) {
  const auto gone = [] { return make_error(ErrorCode::kUnavailable, "the engine closed the stream of events"); };
  std::size_t next = 0;
  std::uint64_t departures = 0;
  {
    MutexLock lock(mutex_);
    calls_.push_back({"events", "", ""});
    if (!present_) return make_error(ErrorCode::kUnreachable, "cannot reach the engine: connection refused");
    const auto is_older = [&](const ContainerEvent& event) { return !since || event.at < *since; };
    next = static_cast<std::size_t>(std::partition_point(events_.begin(), events_.end(), is_older) - events_.begin());
    departures = departures_;
    ++followers_;
    followed_.notify_all();
  }
  for (bool here = true; here;) {
    std::vector<ContainerEvent> fresh;
    std::uint64_t seen = 0;
    {
      MutexLock lock(mutex_);
      here = departures == departures_ && !stop.stop_requested();
      fresh.assign(events_.begin() + static_cast<std::ptrdiff_t>(next), events_.end());
      next = events_.size();
      seen = changes_;
    }
    for (const ContainerEvent& event : fresh)
      if (!stop.stop_requested()) on_event(event);
    if (here) wait_for_change(seen, SteadyTime::max(), stop);
  }
  MutexLock lock(mutex_);
  --followers_;
  if (!stop.stop_requested()) return gone();
  return {};
}

}  // namespace heal
