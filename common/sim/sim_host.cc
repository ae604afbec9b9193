#include "common/sim/sim_host.h"

namespace heal {

void SimHost::add(const ProcessScope& scope, HostProcess process, double cpus) {
  MutexLock lock(mutex_);
  const auto pid = process.pid;
  processes_[pid] = Process{scope, std::move(process), cpus, clock_.steady_now(), false};
}

void SimHost::make_stubborn(std::int64_t pid) {
  MutexLock lock(mutex_);
  processes_.at(pid).is_stubborn = true;
}

void SimHost::reuse_pid(std::int64_t pid) {
  MutexLock lock(mutex_);
  ++processes_.at(pid).process.started;
}

void SimHost::forbid_drop_caches(Error error) {
  MutexLock lock(mutex_);
  may_drop_ = std::move(error);
}

std::vector<std::pair<std::int64_t, std::string>> SimHost::signals() {
  MutexLock lock(mutex_);
  return signals_;
}

std::vector<Host::Caches> SimHost::dropped() {
  MutexLock lock(mutex_);
  return dropped_;
}

Result<std::vector<HostProcess>> SimHost::processes(const ProcessScope& scope) {
  const SteadyTime now = clock_.steady_now();
  MutexLock lock(mutex_);
  std::vector<HostProcess> out;
  for (const auto& [pid, each] : processes_) {
    if (each.scope != scope || pid <= 1) continue;
    HostProcess shown = each.process;
    shown.cpu_seconds += to_seconds(now - each.since) * each.cpus;
    out.push_back(std::move(shown));
  }
  if (out.empty()) return make_error(ErrorCode::kNotFound, "no process of {} is in sight", scope.str());
  return out;
}

Status SimHost::signal(const HostProcess& process, const std::string& signal) {
  MutexLock lock(mutex_);
  if (process.pid <= 1) return make_error(ErrorCode::kRefused, "process {} gets no signals", process.pid);
  const auto found = processes_.find(process.pid);
  if (found == processes_.end() || found->second.process.started != process.started)
    return make_error(ErrorCode::kNotFound, "process {} ({}) has ended", process.pid, process.name);
  signals_.emplace_back(process.pid, signal);
  const bool is_deadly = signal == "SIGTERM" || signal == "SIGINT" || signal == "SIGQUIT" || signal == "SIGHUP";
  if (signal == "SIGKILL" || (is_deadly && !found->second.is_stubborn)) processes_.erase(found);
  return {};
}

Status SimHost::drop_caches(Caches what) {
  MutexLock lock(mutex_);
  HEAL_TRY_STATUS(may_drop_);
  dropped_.push_back(what);
  return {};
}

}  // namespace heal
