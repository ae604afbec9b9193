#include "common/system/posix_process_runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/scoped_fd.h"
#include "common/system/process_group.h"
#include "common/system/system_clock.h"

namespace heal {
namespace {

constexpr Duration kKillPatience = 5s;

struct Pipe {
  ScopedFd read_end, write_end;
};

/// Above the standard three, so that moving it onto one of them in the child cannot hit another.
ScopedFd above_standard(ScopedFd fd) {
  if (fd.get() > 2) return fd;
  return ScopedFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  Pipe made{above_standard(ScopedFd(ends[0])), above_standard(ScopedFd(ends[1]))};
  if (!made.read_end || !made.write_end) return errno_error(errno, "cannot make a pipe");
  if (fcntl(made.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error(errno, "cannot make a pipe");
  return made;
}

/// A file in memory with the program's input: unlike a pipe it needs nobody to feed it, and no SIGPIPE.
Result<ScopedFd> make_input(const std::string& input) {
  ScopedFd file = above_standard(ScopedFd(memfd_create("input", MFD_CLOEXEC)));
  if (!file) return errno_error(errno, "cannot make the input");
  for (std::size_t done = 0; done < input.size();) {
    const ssize_t wrote = write(file.get(), input.data() + done, input.size() - done);
    if (wrote < 0) return errno_error(errno, "cannot make the input");
    done += static_cast<std::size_t>(wrote);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return errno_error(errno, "cannot make the input");
  return file;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// posix_spawn's two option objects, which have to be destroyed.
class SpawnOptions {
 public:
  SpawnOptions() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnOptions() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  /// 0 or an errno.
  int fill(int input, int output, int errors, const char* folder) {
    sigset_t none{};
    sigset_t all{};
    sigemptyset(&none);
    sigfillset(&all);
    int failure = posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    const auto also = [&](int result) { failure = failure != 0 ? failure : result; };
    also(posix_spawnattr_setpgroup(&attributes_, 0));
    also(posix_spawnattr_setsigmask(&attributes_, &none));
    also(posix_spawnattr_setsigdefault(&attributes_, &all));
    also(posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO));
    also(posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    also(posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO));
    also(posix_spawn_file_actions_addclosefrom_np(&actions_, 3));
    also(posix_spawn_file_actions_addchdir_np(&actions_, folder));
    return failure;
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Error cannot_start(const ProcessSpec& spec, int errno_value) {
  const auto error = errno_error(errno_value, "cannot run " + spec.argv[0]);
  const bool our_lack = errno_value == EAGAIN || errno_value == ENOMEM || errno_value == EMFILE;
  if (our_lack) return Error(ErrorCode::kUnavailable, error.message());
  return error.code() == ErrorCode::kInternal ? Error(ErrorCode::kInvalid, error.message()) : error;
}

Status check_folder(const ProcessSpec& spec) {
  struct stat info {};
  const char* folder = spec.working_directory.c_str();
  if (stat(folder, &info) != 0) return errno_error(errno, "working directory " + spec.working_directory);
  if (!S_ISDIR(info.st_mode)) return errno_error(ENOTDIR, "working directory " + spec.working_directory);
  return {};
}

Result<pid_t> spawn(const ProcessSpec& spec, const std::string& mark, int input, int output, int errors) {
  SpawnOptions options;
  if (const int failure = options.fill(input, output, errors, spec.working_directory.c_str()); failure != 0) {
    return errno_error(failure, "cannot run " + spec.argv[0]);
  }
  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> environment{mark};
  for (const auto& [name, value] : spec.environment)
    environment.push_back(name + "=" + value);
  pid_t pid = 0;
  const int failure = posix_spawn(&pid, spec.argv[0].c_str(), options.actions(), options.attributes(),
                                  pointers_to(arguments).data(), pointers_to(environment).data());
  if (failure != 0) return cannot_start(spec, failure);
  return pid;
}

/// One output of the program: kept up to a limit, read on beyond it.
struct Outlet {
  ScopedFd fd;
  std::string& text;
  bool& truncated;

  /// Reads what is there; closes at the end.
  void read_some(std::size_t limit) {
    std::array<char, 16384> buffer{};
    for (int round = 0; fd && round < 16; ++round) {
      const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return fd.reset();
      const auto room = std::min(limit - text.size(), static_cast<std::size_t>(got));
      text.append(buffer.data(), room);
      truncated = truncated || room < static_cast<std::size_t>(got);
    }
  }
};

/// Watches one running program until it has ended.
class Watch {
 public:
  Watch(const ProcessSpec& spec, pid_t pid, const std::string& mark, Outlet output, Outlet errors)
      : spec_(spec), pid_(pid), group_(pid, mark), output_(std::move(output)), errors_(std::move(errors)) {}

  /// Sets outcome's end, exit_code and signal. Nothing of the program lives afterwards.
  void until_ended(Deadline deadline, const std::stop_token& stop, ProcessOutcome& outcome) {
    const ScopedFd stopped(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback wake_on_stop(stop, [&stopped] { eventfd_write(stopped.get(), 1); });
    // The C library's wrapper cannot be linked from C++ in Debian 12.
    const ScopedFd leader(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    auto end = ProcessOutcome::End::kExited;
    if (!wait_for_leader(leader.get(), stopped.get(), deadline, stop)) {
      end = stop.stop_requested() ? ProcessOutcome::End::kStopped : ProcessOutcome::End::kTimedOut;
      group_.signal_all(SIGTERM);
      wait_for_leader(leader.get(), -1, steady_time() + spec_.kill_grace, {});
    }
    outcome.left_over = group_.wipe_out(kKillPatience);
    output_.read_some(spec_.max_output_bytes);
    errors_.read_some(spec_.max_output_bytes);
    reap(end, outcome);
  }

 private:
  /// Reads output until the leader has ended (true), `deadline` or `stop`.
  bool wait_for_leader(int leader, int stopped, Deadline deadline, const std::stop_token& stop) {
    for (;;) {
      const Duration left = deadline - steady_time();
      if (stop.stop_requested() || left <= Duration::zero()) return false;
      std::array<pollfd, 4> watched{
          {{leader, POLLIN, 0}, {stopped, POLLIN, 0}, {output_.fd.get(), POLLIN, 0}, {errors_.fd.get(), POLLIN, 0}}};
      // Without a pidfd the end is found by looking often.
      const Duration nap = leader < 0 ? Duration(20ms) : std::min<Duration>(left, 1h);
      poll(watched.data(), watched.size(),
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(std::min(nap, left)).count()));
      output_.read_some(spec_.max_output_bytes);
      errors_.read_some(spec_.max_output_bytes);
      siginfo_t info{};
      // Left unreaped: its number must stay its own until the group is gone.
      const int waited = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (waited == 0 && info.si_pid == pid_) return true;
      if (waited != 0 && errno == ECHILD) return true;
    }
  }

  void reap(ProcessOutcome::End end, ProcessOutcome& outcome) const {
    int status = 0;
    const bool reaped = waitpid(pid_, &status, WNOHANG) == pid_;
    outcome.end = end;
    if (end != ProcessOutcome::End::kExited) return;
    if (reaped && WIFSIGNALED(status)) {
      outcome.end = ProcessOutcome::End::kSignalled;
      outcome.signal = WTERMSIG(status);
    } else {
      outcome.exit_code = reaped ? WEXITSTATUS(status) : -1;
    }
  }

  const ProcessSpec& spec_;
  const pid_t pid_;
  const ProcessGroup group_;
  Outlet output_, errors_;
};

/// A file in the folder for temporary files that only this user can read; removed with this.
class PrivateFile {
 public:
  static Result<PrivateFile> create(const std::string& text) {
    std::error_code failure;
    const auto folder = std::filesystem::temp_directory_path(failure);
    if (failure) return make_error(ErrorCode::kStorage, "no folder for temporary files: {}", failure.message());
    std::string path = (folder / "heal-XXXXXX").string();
    const ScopedFd file(mkostemp(path.data(), O_CLOEXEC));
    if (!file) return errno_error(errno, path);
    PrivateFile out(std::move(path));
    for (std::string_view left = text; !left.empty();) {
      const ssize_t written = write(file.get(), left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno_error(errno, out.path_);
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    return out;
  }
  ~PrivateFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  PrivateFile(PrivateFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFile& operator=(PrivateFile&&) = delete;

  /// Its name in the place of kPrivateFile.
  void name_in(std::vector<std::string>& argv) const {
    for (std::string& argument : argv) {
      const auto at = argument.find(kPrivateFile);
      if (at != std::string::npos) argument.replace(at, kPrivateFile.size(), path_);
    }
  }

 private:
  explicit PrivateFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace

PosixProcessRunner::PosixProcessRunner() {
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

Result<ProcessOutcome> PosixProcessRunner::run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) {
  if (spec.private_text.empty()) return run_plain(spec, deadline, std::move(stop));
  HEAL_TRY(const PrivateFile file, PrivateFile::create(spec.private_text));
  ProcessSpec plain = spec;
  plain.private_text.clear();
  file.name_in(plain.argv);
  return run_plain(plain, deadline, std::move(stop));
}

Result<ProcessOutcome> PosixProcessRunner::run_plain(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_process_spec(spec));
  HEAL_TRY_STATUS(check_folder(spec));
  HEAL_TRY(ScopedFd input, make_input(spec.input));
  HEAL_TRY(Pipe output, make_pipe());
  HEAL_TRY(Pipe errors, make_pipe());
  // Another runner of this process counts its runs too.
  const auto mark = fmt::format("PROMHEAL_RUN={}.{}.{}", getpid(), fmt::ptr(this), ++runs_);
  const SteadyTime begun = steady_time();
  HEAL_TRY(const pid_t pid, spawn(spec, mark, input.get(), output.write_end.get(), errors.write_end.get()));
  output.write_end.reset();
  errors.write_end.reset();
  ProcessOutcome outcome;
  Watch watch(spec, pid, mark, Outlet{std::move(output.read_end), outcome.output, outcome.output_truncated},
              Outlet{std::move(errors.read_end), outcome.errors, outcome.errors_truncated});
  watch.until_ended(deadline, stop, outcome);
  outcome.duration = steady_time() - begun;
  return outcome;
}

}  // namespace heal
