#include <csignal>
#include <fstream>
#include <memory>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_host.h"
#include "common/system/system_host.h"
#include "tests/support/code_of.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using test::code_of;

/// A machine with one process of ours in a scope.
class HostFixture {
 public:
  virtual ~HostFixture() = default;
  virtual Host& host() = 0;
  virtual ProcessScope scope() = 0;
  virtual std::int64_t pid() = 0;
};

class OnSim : public HostFixture {
 public:
  OnSim() { host_.add(scope(), {4711, 99, "worker", 1, 8 << 20}); }
  Host& host() override { return host_; }
  ProcessScope scope() override { return {ProcessScope::Kind::kPidFile, "/run/worker.pid"}; }
  std::int64_t pid() override { return 4711; }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimHost host_{clock_};
};

/// A process that waits for its end. It must not get a signal while it still has the test program's handlers.
pid_t waiting_child() {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) ::signal(SIGTERM, SIG_DFL);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  HEAL_CHECK(pid >= 0, "a process can be made");
  if (pid != 0) return pid;
  for (;;)
    ::pause();
}

class OnSystem : public HostFixture {
 public:
  OnSystem() : pid_(waiting_child()) { folder_.write("worker.pid", std::to_string(pid_) + "\n"); }
  ~OnSystem() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Host& host() override { return host_; }
  ProcessScope scope() override { return {ProcessScope::Kind::kPidFile, folder_.file("worker.pid")}; }
  std::int64_t pid() override { return pid_; }

 private:
  test::TempFolder folder_;
  pid_t pid_;
  SystemHost host_;
};

std::unique_ptr<HostFixture> host_fixture() {
  if (GENERATE(false, true)) return std::make_unique<OnSystem>();
  return std::make_unique<OnSim>();
}

TEST_CASE("a process is found in its scope with what it uses, and in no other") {
  const auto fixture = host_fixture();
  const auto found = fixture->host().processes(fixture->scope());
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  CHECK(found->front().pid == fixture->pid());
  CHECK(found->front().started > 0);
  CHECK_FALSE(found->front().name.empty());
  CHECK(found->front().memory_bytes > 0);
  for (const auto kind : {ProcessScope::Kind::kContainer, ProcessScope::Kind::kUnit, ProcessScope::Kind::kName,
                          ProcessScope::Kind::kPidFile}) {
    const auto none = fixture->host().processes({kind, "/no/such"});
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().code() == ErrorCode::kNotFound);
  }
}

TEST_CASE("a signal reaches exactly the process that was seen") {
  const auto fixture = host_fixture();
  Host& host = fixture->host();
  const HostProcess process = host.processes(fixture->scope()).value().front();
  HostProcess other = process;
  ++other.started;
  CHECK(code_of(host.signal(other, "SIGKILL")) == "not_found");
  CHECK(host.processes(fixture->scope()).has_value());
  CHECK(code_of(host.signal({1, 0, "init", 0, 0}, "SIGTERM")) == "refused");
  REQUIRE(code_of(host.signal(process, "SIGTERM")) == "ok");
  while (host.processes(fixture->scope()).has_value()) {
  }
  std::string code = "ok";
  while (code == "ok")  // on its way out it still takes signals
    code = code_of(host.signal(process, "SIGTERM"));
  CHECK(code == "not_found");
}

TEST_CASE("what runs in a container has no name of this machine") {
  const std::string id(64, 'a');
  const std::string host = "0::/init.scope\n";
  for (const auto& path : {"/system.slice/docker-" + id + ".scope", "/docker/" + id, "/../docker-" + id + ".scope",
                           "/kubepods/burstable/pod1/" + id, std::string("/lxc.payload.web/init.scope"),
                           std::string("/lxc/web"), std::string("/machine.slice/systemd-nspawn@web.service")}) {
    CAPTURE(path);
    CHECK(is_container_cgroup("0::" + path + "\n", host));
    CHECK(is_container_cgroup("9:name=systemd:/\n3:cpu,cpuacct:" + path + "\n", "9:name=systemd:/\n3:cpu,cpuacct:/\n"));
    CHECK_FALSE(is_container_cgroup("0::" + path + "/app\n", "0::" + path + "\n"));  // the machine is that container
  }
  for (const char* path :
       {"/", "/system.slice/nginx.service", "/user.slice/user-0.slice/session-1.scope", "/../../init.scope"})
    CHECK_FALSE(is_container_cgroup("0::" + std::string(path) + "\n", host));
  CHECK_FALSE(is_container_cgroup("", ""));
}

/// A process of that name; in a PID namespace of its own when `flags` says so. Ends with its parent.
pid_t child_named(const char* name, int flags) {
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, name);
  for (;;)
    ::pause();
}

TEST_CASE("a process is found by its name, one of the same name in a container is not") {
  SystemHost host;
  const ProcessScope scope{ProcessScope::Kind::kName, "heal-name-test"};
  const pid_t contained = child_named("heal-name-test", CLONE_NEWPID);
  REQUIRE(contained >= 0);
  const pid_t plain = child_named("heal-name-test", 0);
  const auto names_of = [](pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
  };
  while (names_of(contained) != "heal-name-test" || names_of(plain) != "heal-name-test") {
  }
  const auto found = host.processes(scope);
  for (const pid_t pid : {contained, plain}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  CHECK(found->front().pid == plain);
}

}  // namespace
}  // namespace heal
