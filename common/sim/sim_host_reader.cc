#include "common/sim/sim_host_reader.h"

#include <utility>

namespace heal {

void SimHostReader::put(const SeenProcess& process, const SeenProgram& program, std::uint64_t open_fds) {
  MutexLock lock(mutex_);
  processes_[process.pid] = {process, program, open_fds, false};
}

void SimHostReader::end(std::int64_t pid) {
  MutexLock lock(mutex_);
  processes_.erase(pid);
}

void SimHostReader::end_after_look(std::int64_t pid) {
  MutexLock lock(mutex_);
  processes_.at(pid).ends_after_look = true;
}

void SimHostReader::hide_fds(std::int64_t pid) {
  MutexLock lock(mutex_);
  processes_.at(pid).open_fds.reset();
}

void SimHostReader::write_pid_file(const std::string& path, std::int64_t pid) {
  MutexLock lock(mutex_);
  pid_files_[path] = pid;
}

void SimHostReader::set_usage(const HostUsage& usage) {
  MutexLock lock(mutex_);
  usage_ = usage;
}

void SimHostReader::mount(const std::string& mount_point, const FilesystemUsage& usage) {
  MutexLock lock(mutex_);
  mounts_[mount_point] = usage;
}

void SimHostReader::hang(const std::string& mount_point) {
  MutexLock lock(mutex_);
  hanging_.insert(mount_point);
}

void SimHostReader::release() {
  MutexLock lock(mutex_);
  hanging_.clear();
  programs_hang_ = false;
  released_.notify_all();
}

void SimHostReader::hang_programs() {
  MutexLock lock(mutex_);
  programs_hang_ = true;
}

void SimHostReader::await_hanging() {
  MutexLock lock(mutex_);
  while (hanging_programs_ == 0)
    hung_.wait(mutex_);
}

void SimHostReader::fail_next(Error error) {
  MutexLock lock(mutex_);
  failure_ = std::move(error);
}

void SimHostReader::fail_next_program(Error error) {
  MutexLock lock(mutex_);
  program_failure_ = std::move(error);
}

std::size_t SimHostReader::programs_read() {
  MutexLock lock(mutex_);
  return programs_read_;
}

Status SimHostReader::take_failure() {
  if (!failure_) return {};
  return *std::exchange(failure_, std::nullopt);
}

Result<const SimHostReader::Process*> SimHostReader::require(const SeenProcess& process) {
  const auto found = processes_.find(process.pid);
  if (found == processes_.end() || found->second.seen.started != process.started)
    return make_error(ErrorCode::kNotFound, "process {} has ended", process.pid);
  return &found->second;
}

Result<std::vector<SeenProcess>> SimHostReader::processes(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped");
  HEAL_TRY_STATUS(take_failure());
  std::vector<SeenProcess> out;
  for (const auto& [pid, process] : processes_)
    out.push_back(process.seen);
  std::erase_if(processes_, [](const auto& entry) { return entry.second.ends_after_look; });
  return out;
}

Result<SeenProgram> SimHostReader::program(const SeenProcess& process) {
  MutexLock lock(mutex_);
  ++programs_read_;
  ++hanging_programs_;
  hung_.notify_all();
  while (programs_hang_)
    released_.wait(mutex_);
  --hanging_programs_;
  if (program_failure_) return *std::exchange(program_failure_, std::nullopt);
  HEAL_TRY(const Process* found, require(process));
  return found->program;
}

Result<std::uint64_t> SimHostReader::open_fds(const SeenProcess& process) {
  MutexLock lock(mutex_);
  HEAL_TRY(const Process* found, require(process));
  if (!found->open_fds)
    return make_error(ErrorCode::kUnauthorized, "the descriptors of {} may not be seen", process.pid);
  return *found->open_fds;
}

Result<std::int64_t> SimHostReader::pid_in(const std::string& pid_file) {
  MutexLock lock(mutex_);
  const auto found = pid_files_.find(pid_file);
  if (found == pid_files_.end()) return make_error(ErrorCode::kNotFound, "there is no {}", pid_file);
  return found->second;
}

Result<HostUsage> SimHostReader::usage() {
  MutexLock lock(mutex_);
  HEAL_TRY_STATUS(take_failure());
  return usage_;
}

Result<FilesystemUsage> SimHostReader::filesystem(const std::string& mount_point) {
  MutexLock lock(mutex_);
  while (hanging_.contains(mount_point))
    released_.wait(mutex_);
  const auto found = mounts_.find(mount_point);
  if (found == mounts_.end()) return make_error(ErrorCode::kNotFound, "nothing is mounted at {}", mount_point);
  return found->second;
}

}  // namespace heal
