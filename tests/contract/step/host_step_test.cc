#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/check.h"
#include "tests/contract/step/real_rig.h"
#include "tests/support/temp_folder.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// A process of ours that holds so much memory, or spins; it is ended with this.
class Child {
 public:
  enum class Way { kSleeps, kSpins };
  explicit Child(std::size_t megabytes, Way way = Way::kSleeps) {
    int ready[2];
    HEAL_CHECK(::pipe(ready) == 0, "a pipe can be made");
    pid_ = ::fork();
    HEAL_CHECK(pid_ >= 0, "a process can be made");
    if (pid_ == 0) {
      ::signal(SIGTERM, SIG_DFL);  // the test framework's would speak up
      std::vector<char> memory(megabytes << 20, 1);
      volatile char touched = memory.empty() ? '\0' : memory.back();
      (void)touched;
      (void)!::write(ready[1], "x", 1);
      for (;;) {
        if (way == Way::kSleeps) ::pause();
      }
    }
    char byte = 0;
    HEAL_CHECK(::read(ready[0], &byte, 1) == 1, "it has begun");
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    end();
  }
  pid_t pid() const { return pid_; }
  /// Waits for its end and gives the signal that ended it.
  int end() {
    if (is_over_) return signal_;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    is_over_ = true;
    signal_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return signal_;
  }

 private:
  pid_t pid_ = -1;
  bool is_over_ = false;
  int signal_ = 0;
};

TEST_CASE("of the processes of a pid file the one with the most memory is found and signalled, and no other") {
  RealRig rig("");
  TempFolder folder;
  rig.aim("process/worker");
  Child small(8);
  Child large(256);  // far above what a sanitizer adds to each
  // Both descend from this process, whose own pid is in the file: it is never chosen itself.
  folder.write("worker.pid", fmt::format("{}\n", ::getpid()));
  const std::string step =
      fmt::format("process.signal: {{pid_file: '{}', at_least: 192MiB}}", folder.file("worker.pid"));
  const auto done = rig.bench.run(step);
  CAPTURE(done.message);
  REQUIRE(done.kind == Kind::kDone);
  CHECK(done.outputs.at("pid") == fmt::format("{}", large.pid()));
  CHECK(large.end() == SIGTERM);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.bench.run(step).reason == "not begun");
  CHECK(::kill(small.pid(), 0) == 0);
}

TEST_CASE("the process that uses most of a CPU in a window is found") {
  RealRig rig("");
  TempFolder folder;
  rig.aim("process/worker");
  Child idle(64);
  Child busy(1, Child::Way::kSpins);
  folder.write("worker.pid", fmt::format("{}\n", ::getpid()));
  const auto done = rig.bench.run(fmt::format(
      "process.signal: {{pid_file: '{}', by: cpu, window: 500ms, signal: SIGKILL}}", folder.file("worker.pid")));
  CHECK(done.outputs.at("pid") == fmt::format("{}", busy.pid()));
  CHECK(busy.end() == SIGKILL);
}

TEST_CASE("a process is known by its pid and its start, and process 1 and ourselves get nothing") {
  RealRig rig("");
  Child child(1);
  TempFolder folder;
  folder.write("x.pid", fmt::format("{}\n", child.pid()));
  const auto found = rig.host.processes({ProcessScope::Kind::kPidFile, folder.file("x.pid")}).value();
  REQUIRE(found.size() == 1);
  HostProcess other = found[0];
  ++other.started;
  CHECK(rig.host.signal(other, "SIGKILL").error().code() == ErrorCode::kNotFound);
  CHECK(rig.host.signal({1, 0, "init", 0, 0}, "SIGTERM").error().code() == ErrorCode::kRefused);
  CHECK(rig.host.signal({::getpid(), 0, "self", 0, 0}, "SIGTERM").error().code() == ErrorCode::kRefused);
  CHECK(rig.host.signal(found[0], "SIGSEGV").error().code() == ErrorCode::kInvalid);
  CHECK(rig.host.signal(found[0], "SIGKILL").has_value());
  CHECK(child.end() == SIGKILL);
  CHECK(rig.host.signal(found[0], "SIGKILL").error().code() == ErrorCode::kNotFound);
}

TEST_CASE("a scope that holds nothing, and a file that holds no pid, are said") {
  RealRig rig("");
  TempFolder folder;
  folder.write("x.pid", "none\n");
  const auto code = [&](ProcessScope::Kind kind, const std::string& value) {
    return rig.host.processes({kind, value}).error().code();
  };
  CHECK(code(ProcessScope::Kind::kPidFile, folder.file("x.pid")) == ErrorCode::kNotFound);
  CHECK(code(ProcessScope::Kind::kPidFile, folder.file("no.pid")) == ErrorCode::kNotFound);
  CHECK(code(ProcessScope::Kind::kName, "no-such-name") == ErrorCode::kNotFound);
  CHECK(code(ProcessScope::Kind::kContainer, std::string(64, '0')) == ErrorCode::kNotFound);
  CHECK(code(ProcessScope::Kind::kUnit, "no-such.service") == ErrorCode::kNotFound);
  CHECK(code(ProcessScope::Kind::kCgroup, folder.path().string()) == ErrorCode::kRefused);
  CHECK(code(ProcessScope::Kind::kCgroup, "/sys/fs/cgroup/no-such-folder") == ErrorCode::kNotFound);
}

TEST_CASE("caches are dropped, or the machine says that it does not let us") {
  RealRig rig("allow: {host: [drop_caches]}\n");
  const auto result = rig.bench.run("host.drop_caches: {what: slab}");
  if (::access("/proc/sys/vm/drop_caches", W_OK) == 0) {
    CHECK(result.kind == Kind::kDone);
  } else {
    CHECK(result.kind == Kind::kFailed);
    CHECK(result.message.find("/proc/sys/vm/drop_caches") != std::string::npos);
  }
}

}  // namespace
}  // namespace heal::test
