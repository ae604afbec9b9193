#include "tests/crash/service_process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "heal_test_paths.h"

namespace heal::test {
namespace {

constexpr const char* kProgram = HEAL_BIN_DIR "/crash-webhook";

struct Pipe {
  Pipe() {
    int ends[2];
    HEAL_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "a pipe can be made");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  ScopedFd read_end, write_end;
};

}  // namespace

ServiceProcess::ServiceProcess(const std::vector<std::string>& arguments) {
  Pipe input, output;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read_end.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write_end.get(), STDOUT_FILENO);
  std::vector<char*> argv{const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int code = ::posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  HEAL_CHECK(code == 0, "crash-webhook can be started");
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  input_ = std::move(input.write_end);
  output_ = std::move(output.read_end);
  output.write_end.reset();
  port_ = read_port();
}

ServiceProcess::~ServiceProcess() {
  if (!status_) ::kill(pid_, SIGKILL);
  reap(0);
}

std::uint16_t ServiceProcess::read_port() {
  std::string line;
  for (char c = 0; ::read(output_.get(), &c, 1) == 1 && c != '\n';)
    line += c;
  return static_cast<std::uint16_t>(std::strtoul(line.c_str(), nullptr, 10));
}

bool ServiceProcess::has_ended(Duration patience) {
  pollfd wanted{process_.get(), POLLIN, 0};
  ::poll(&wanted, 1, static_cast<int>(patience / 1ms));
  reap(WNOHANG);
  return status_.has_value();
}

int ServiceProcess::stop() {
  input_.reset();
  reap(0);
  return WIFSIGNALED(*status_) ? -WTERMSIG(*status_) : WEXITSTATUS(*status_);
}

void ServiceProcess::reap(int options) {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, options) == pid_) status_ = status;
}

}  // namespace heal::test
