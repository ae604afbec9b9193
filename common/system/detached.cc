#include "common/system/detached.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "common/base/scoped_fd.h"

namespace heal {
namespace {

constexpr Duration kFirstPause = 100ms;
constexpr Duration kLongestPause = 30s;
/// A child that lived for so long did not die of how it began.
constexpr Duration kSoundLife = 1min;
constexpr std::size_t kMostOfAnswer = 4096;

SteadyTime detached_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

/// posix_spawn's two option objects for a process of its own.
class DetachedSpawn {
 public:
  DetachedSpawn() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~DetachedSpawn() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  DetachedSpawn(const DetachedSpawn&) = delete;
  DetachedSpawn& operator=(const DetachedSpawn&) = delete;

  /// 0 or an errno.
  int run(int answer, const std::string& log, std::vector<char*>& arguments) {
    sigset_t none{};
    sigset_t all{};
    sigemptyset(&none);
    sigfillset(&all);
    int failure = 0;
    const auto also = [&](int result) { failure = failure != 0 ? failure : result; };
    also(posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)));
    also(posix_spawnattr_setsigmask(&attributes_, &none));
    also(posix_spawnattr_setsigdefault(&attributes_, &all));
    // Before 0 is taken: `answer` may be any number.
    also(posix_spawn_file_actions_adddup2(&actions_, answer, STDOUT_FILENO));
    also(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    also(posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
    also(posix_spawn_file_actions_addclosefrom_np(&actions_, 3));
    also(posix_spawn_file_actions_addchdir_np(&actions_, "/"));
    if (failure != 0) return failure;
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::array<char*, 2> environment{path.data(), nullptr};
    pid_t pid = 0;
    return posix_spawn(&pid, "/proc/self/exe", &actions_, &attributes_, arguments.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Result<std::string> read_answer(int from, Deadline deadline, const std::stop_token& stop) {
  std::string text;
  while (text.size() < kMostOfAnswer) {
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped while it was starting");
    const Duration left = deadline - detached_now();
    if (left <= Duration::zero()) return make_error(ErrorCode::kTimeout, "it did not say in time that it has begun");
    pollfd watched{from, POLLIN, 0};
    // Woken often enough for a stop.
    const Duration nap = std::min<Duration>(left, 50ms);
    if (poll(&watched, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(nap).count())) <= 0) continue;
    std::array<char, 512> buffer{};
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (const auto end = text.find('\n'); end != std::string::npos) return text.substr(0, end);
  }
  return text;
}

/// One child, and what we pass on to it. SIGCHLD and SIGTERM are blocked.
class Kept {
 public:
  Kept(pid_t pid, const sigset_t& signals) : pid_(pid), signals_(signals) {}

  /// Waits for its end; gives waitpid's status.
  int wait() {
    for (int status = 0;;) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) return status;
      if (sigwaitinfo(&signals_, nullptr) != SIGTERM) continue;
      is_ending_ = true;
      kill(pid_, SIGTERM);
    }
  }
  bool is_ending() const { return is_ending_; }

 private:
  const pid_t pid_;
  const sigset_t& signals_;
  bool is_ending_ = false;
};

/// True when SIGTERM came meanwhile.
bool pause_unless_ended(Duration pause, const sigset_t& signals) {
  const SteadyTime until = detached_now() + pause;
  for (Duration left = pause; left > Duration::zero(); left = until - detached_now()) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec time{static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
    if (sigtimedwait(&signals, nullptr, &time) == SIGTERM) return true;
  }
  return false;
}

}  // namespace

Result<std::string> start_detached(const std::vector<std::string>& arguments, const std::string& log, Deadline deadline,
                                   const std::stop_token& stop) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  const ScopedFd answer(ends[0]);
  ScopedFd write_end(ends[1]);
  std::vector<std::string> texts{"healctl"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  if (const int failure = DetachedSpawn().run(write_end.get(), log, pointers); failure != 0) {
    return errno_error(failure, fmt::format("cannot start a process that writes to {}", log));
  }
  write_end.reset();
  return read_answer(answer.get(), deadline, stop);
}

void answer_starter(const std::string& line) {
  const std::string text = line + "\n";
  // Whoever started us may be gone.
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text.data(), text.size());
  dup2(STDERR_FILENO, STDOUT_FILENO);
}

int keep_running(const std::function<int()>& work, const std::function<void(int signal, Duration pause)>& died) {
  sigset_t signals{};
  sigset_t before{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  std::signal(SIGHUP, SIG_IGN);  // the child's too
  std::signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_BLOCK, &signals, &before);
  for (Duration pause = kFirstPause;;) {
    const SteadyTime begun = detached_now();
    const pid_t child = fork();
    if (child == 0) {
      setsid();
      sigprocmask(SIG_SETMASK, &before, nullptr);
      return work();
    }
    // Only the child answers whoever started us: with its death, too.
    dup2(STDERR_FILENO, STDOUT_FILENO);
    int signal = 0;  // also when there was no room for a child
    if (child > 0) {
      Kept kept(child, signals);
      const int status = kept.wait();
      if (WIFEXITED(status) && WEXITSTATUS(status) != kBeginAgain) return WEXITSTATUS(status);
      signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      if (kept.is_ending()) return 128 + signal;
    }
    if (detached_now() - begun > kSoundLife) pause = kFirstPause;
    died(signal, pause);
    if (pause_unless_ended(pause, signals)) return 128 + SIGTERM;
    pause = std::min<Duration>(pause * 2, kLongestPause);
  }
}

}  // namespace heal
