#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/mutex.h"
#include "common/port/host_reader.h"

namespace heal {

/// A machine in memory, to be looked at. Thread-safe.
class SimHostReader : public HostReader {
 public:
  /// Puts a process there, in place of the one that has its pid.
  void put(const SeenProcess& process, const SeenProgram& program, std::uint64_t open_fds = 3);
  void end(std::int64_t pid);
  /// The next look still shows the process, which ends before it is read further.
  void end_after_look(std::int64_t pid);
  /// Its file descriptors may not be seen.
  void hide_fds(std::int64_t pid);
  void write_pid_file(const std::string& path, std::int64_t pid);
  void set_usage(const HostUsage& usage);
  void mount(const std::string& mount_point, const FilesystemUsage& usage);
  /// Whoever asks for it waits until release().
  void hang(const std::string& mount_point);
  void release();
  /// Whoever asks what a process runs waits until release().
  void hang_programs();
  /// Waits until somebody hangs there.
  void await_hanging();
  /// The next call of processes() or usage() fails so.
  void fail_next(Error error);
  /// The next call of program() fails so.
  void fail_next_program(Error error);

  /// How often program() was asked.
  std::size_t programs_read();

  Result<std::vector<SeenProcess>> processes(const std::stop_token& stop) override;
  Result<SeenProgram> program(const SeenProcess& process) override;
  Result<std::uint64_t> open_fds(const SeenProcess& process) override;
  Result<std::int64_t> pid_in(const std::string& pid_file) override;
  Result<HostUsage> usage() override;
  Result<FilesystemUsage> filesystem(const std::string& mount_point) override;

 private:
  struct Process {
    SeenProcess seen;
    SeenProgram program;
    std::optional<std::uint64_t> open_fds;
    bool ends_after_look = false;
  };

  Result<const Process*> require(const SeenProcess& process) HEAL_REQUIRES(mutex_);
  Status take_failure() HEAL_REQUIRES(mutex_);

  Mutex mutex_;
  CondVar released_, hung_;
  std::map<std::int64_t, Process> processes_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> pid_files_ HEAL_GUARDED_BY(mutex_);
  HostUsage usage_ HEAL_GUARDED_BY(mutex_);
  std::map<std::string, FilesystemUsage> mounts_ HEAL_GUARDED_BY(mutex_);
  std::set<std::string> hanging_ HEAL_GUARDED_BY(mutex_);
  bool programs_hang_ HEAL_GUARDED_BY(mutex_) = false;
  int hanging_programs_ HEAL_GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ HEAL_GUARDED_BY(mutex_);
  std::optional<Error> program_failure_ HEAL_GUARDED_BY(mutex_);
  std::size_t programs_read_ HEAL_GUARDED_BY(mutex_) = 0;
};

}  // namespace heal
