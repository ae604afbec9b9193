#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/check.h"
#include "common/sim/sim_host_reader.h"
#include "common/system/proc_reader.h"
#include "common/system/system_clock.h"
#include "tests/support/code_of.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using test::code_of;

/// A machine with a process of ours, which has a name that is hard to read.
class Fixture {
 public:
  virtual ~Fixture() = default;
  virtual HostReader& reader() = 0;
  virtual std::int64_t pid() = 0;
  virtual std::string pid_file() = 0;
  virtual std::string exe() = 0;
  virtual void end() = 0;
  /// Something else has its pid now, as far as can be told.
  virtual SeenProcess as_another(SeenProcess process) {
    process.started += 1;
    return process;
  }
};

constexpr std::string_view kName = "a b) (c\nd";
constexpr std::string_view kCmdline = "heal test (x)\nline 2 --last";

class OnSim : public Fixture {
 public:
  OnSim() {
    reader_.put({4711, 99, std::string(kName), WallTime(1000s), 0.5, 4096, 1}, {exe(), std::string(kCmdline), false},
                5);
    reader_.write_pid_file(pid_file(), 4711);
    HostUsage usage;
    usage.cpu_seconds = {{"idle", 1}, {"user", 1}};
    usage.cpus = 1;
    usage.load = {0, 0, 0};
    usage.booted_at = WallTime(1s);
    usage.forks = 1;
    usage.memory_bytes = 2;
    usage.memory_available_bytes = 1;
    usage.swap_bytes = 0;
    usage.swap_free_bytes = 0;
    reader_.set_usage(usage);
    reader_.mount("/", {100, 50, 10, 5, false});
  }
  HostReader& reader() override { return reader_; }
  std::int64_t pid() override { return 4711; }
  std::string pid_file() override { return "/run/app.pid"; }
  std::string exe() override { return "/bin/busybox"; }
  void end() override { reader_.end(4711); }

 private:
  SimHostReader reader_;
};

class OnSystem : public Fixture {
 public:
  OnSystem() {
    // A program under a name of its own: the kernel names the process by the file.
    std::filesystem::copy_file("/bin/busybox", exe());
    const std::string program = exe();
    int ready[2];
    HEAL_CHECK(::pipe2(ready, O_CLOEXEC) == 0, "a pipe can be made");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execl(program.c_str(), "sleep", "1000", nullptr);
      ::_exit(127);
    }
    // The other end closes when the program runs.
    ::close(ready[1]);
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    ::close(ready[0]);
    folder_.write("app.pid", std::to_string(pid_) + "\nmore\n");
  }
  ~OnSystem() override { end(); }
  HostReader& reader() override { return reader_; }
  std::int64_t pid() override { return pid_; }
  std::string pid_file() override { return folder_.file("app.pid"); }
  std::string exe() override { return folder_.file(std::string(kName)); }
  void end() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  test::TempFolder folder_;
  pid_t pid_ = 0;
  ProcReader reader_;
};

std::unique_ptr<Fixture> fixture() {
  if (GENERATE(false, true)) return std::make_unique<OnSystem>();
  return std::make_unique<OnSim>();
}

std::optional<SeenProcess> find(HostReader& reader, std::int64_t pid) {
  const auto processes = reader.processes({}).value();
  for (const SeenProcess& process : processes) {
    if (process.pid == pid) return process;
  }
  return std::nullopt;
}

/// Of a program that has just begun, memory and arguments come a moment after its start is told.
SeenProcess find_running(Fixture& machine) {
  for (;;) {
    const auto process = find(machine.reader(), machine.pid());
    REQUIRE(process);
    if (process->memory_bytes > 0) return *process;
    std::this_thread::yield();
  }
}

TEST_CASE("a process is seen with its name, program and descriptors, until it ends") {
  const auto machine = fixture();
  const SeenProcess process = find_running(*machine);
  CHECK(process.name == kName);
  CHECK(process.started > 0);
  CHECK(process.started_at > WallTime());
  CHECK(process.threads == 1);
  const SeenProgram program = machine->reader().program(process).value();
  CHECK(program.exe == machine->exe());
  CHECK_FALSE(program.cmdline.empty());
  CHECK(machine->reader().open_fds(process).value() > 0);
  CHECK(machine->reader().pid_in(machine->pid_file()).value() == machine->pid());
  machine->end();
  CHECK_FALSE(find(machine->reader(), process.pid));
  CHECK(code_of(machine->reader().program(process)) == "not_found");
  CHECK(code_of(machine->reader().open_fds(process)) == "not_found");
}

TEST_CASE("a pid that belongs to another process now is none of the first one's") {
  const auto machine = fixture();
  const auto process = find(machine->reader(), machine->pid());
  REQUIRE(process);
  CHECK(code_of(machine->reader().program(machine->as_another(*process))) == "not_found");
}

TEST_CASE("what the machine uses is told") {
  const auto machine = fixture();
  const HostUsage usage = machine->reader().usage().value();
  CHECK(usage.cpus > 0);
  CHECK(usage.cpu_seconds.at("user") > 0);
  CHECK(usage.cpu_seconds.at("idle") > 0);
  CHECK(usage.load.has_value());
  CHECK(usage.booted_at.value() > WallTime());
  CHECK(usage.forks.value() > 0);
  CHECK(usage.memory_bytes.value() > usage.memory_available_bytes.value());
  CHECK(usage.swap_bytes.value() >= usage.swap_free_bytes.value());
}

TEST_CASE("a file system is told of, and a folder where nothing is mounted is not") {
  const auto machine = fixture();
  const FilesystemUsage usage = machine->reader().filesystem("/").value();
  CHECK(usage.size_bytes > usage.available_bytes);
  CHECK(usage.files > usage.files_free);
  CHECK(code_of(machine->reader().filesystem("/etc/heal nothing")) == "not_found");
  CHECK(code_of(machine->reader().filesystem("/etc")) == "not_found");
}

TEST_CASE("a pid file that is not there holds no pid") {
  const auto machine = fixture();
  CHECK(code_of(machine->reader().pid_in("/nonexistent/app.pid")) == "not_found");
}

/// A proc file system of files.
class FakeProc {
 public:
  FakeProc() {
    folder.write("stat",
                 "cpu  200 100 300 400 10 5 3 2 0 0\ncpu0 200 100 300 400 10 5 3 2 0 0\nbtime 1000\nprocesses 7\n");
    folder.write("meminfo", "MemTotal: 2048 kB\nMemAvailable:    1024 kB\n");
    folder.write("1/cgroup", "0::/init.scope\n");
  }
  /// A process with what is in its files, made from what proc(5) says they hold.
  void process(std::int64_t pid, const std::string& name, const std::string& state = "S", std::uint64_t flags = 0) {
    folder.write(fmt::format("{}/stat", pid),
                 fmt::format("{} ({}) {} 1 1 1 0 -1 {} 0 0 0 0 150 50 0 0 20 0 4 0 300 1000000 10 0\n", pid, name,
                             state, flags));
    folder.write(fmt::format("{}/cmdline", pid), std::string("a\0b c\0\0", 7));
    folder.write(fmt::format("{}/cgroup", pid), "0::/system.slice/app.service\n");
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const auto processes = reader.processes({}).value();
    for (const SeenProcess& process : processes)
      out.push_back(process.name);
    return out;
  }

  test::TempFolder folder;
  ProcReader reader{folder.path().string()};
};

TEST_CASE("hostile names and files of processes are read for what they are") {
  FakeProc proc;
  proc.process(10, ") S 1 1 1 (");
  proc.process(11, "");
  proc.process(12, "two\nlines) Z 1");
  proc.folder.write("13/stat", "");
  proc.folder.write("14/stat", "14 (short) S 1 1");
  proc.folder.write("15/stat", ")(");
  proc.folder.write("16/stat", "16 (words) S a b c d e f g h i j k l m n o p q r s t u v w");
  proc.folder.write("0/stat", "0 (zero) S 1");
  proc.folder.write("-5/stat", "-5 (minus) S 1");
  proc.folder.write("17", "a file");
  CHECK(proc.names() == std::vector<std::string>{") S 1 1 1 (", "", "two\nlines) Z 1", "words"});
  const SeenProcess first = proc.reader.processes({}).value().at(0);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CHECK(first == SeenProcess{10, 300, ") S 1 1 1 (", WallTime(1000s) + from_seconds(300 / ticks), 200 / ticks,
                             10 * static_cast<std::uint64_t>(::getpagesize()), 4});
  CHECK(proc.reader.program(first).value() == SeenProgram{"", "a b c", false});
}

TEST_CASE("zombies and kernel threads are no processes") {
  FakeProc proc;
  proc.process(10, "alive");
  proc.process(11, "zombie", "Z");
  proc.process(12, "dead", "X");
  proc.process(13, "kworker/0:1", "I", 0x00200000);
  CHECK(proc.names() == std::vector<std::string>{"alive"});
}

TEST_CASE("a process in a container is known by its cgroup, and a replaced program by its name") {
  FakeProc proc;
  proc.process(10, "app");
  proc.folder.write("10/cgroup", "0::/system.slice/docker-" + std::string(64, 'a') + ".scope\n");
  std::filesystem::create_symlink("/usr/bin/app (deleted)", proc.folder.file("10/exe"));
  const SeenProcess process = proc.reader.processes({}).value().at(0);
  CHECK(proc.reader.program(process).value() == SeenProgram{"/usr/bin/app", "a b c", true});
}

TEST_CASE("a process is in a container when its pid namespace is another one than ours, on our own proc file system") {
  FakeProc proc;
  proc.process(10, "app");
  const bool is_ours = GENERATE(true, false);
  const std::string self = std::to_string(::getpid() + (is_ours ? 0 : 1));
  for (const std::string& pid : {self, std::string("10")}) {
    std::filesystem::create_directories(proc.folder.file(pid + "/ns"));
    std::filesystem::create_symlink("pid:[" + pid + "]", proc.folder.file(pid + "/ns/pid"));
  }
  std::filesystem::create_symlink(self, proc.folder.file("self"));
  const SeenProcess process = proc.reader.processes({}).value().at(0);
  CHECK(proc.reader.program(process).value().is_contained == is_ours);
}

TEST_CASE("arguments without an end are cut, and descriptors are counted where the kernel gives no number") {
  FakeProc proc;
  proc.process(10, "app");
  proc.folder.write("10/cmdline", std::string(1 << 20, 'x'));
  for (int fd = 0; fd < 5; ++fd)
    proc.folder.write(fmt::format("10/fd/{}", fd), "");
  const SeenProcess process = proc.reader.processes({}).value().at(0);
  CHECK(proc.reader.program(process).value().cmdline.size() == 64 << 10);
  CHECK(proc.reader.open_fds(process).value() == 5);
}

TEST_CASE("counters of the host are read in seconds and bytes; what is not there is absent") {
  FakeProc proc;
  HostUsage usage = proc.reader.usage().value();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  HostUsage wanted;
  wanted.cpu_seconds = {{"user", 200 / ticks},  {"nice", 100 / ticks}, {"system", 300 / ticks}, {"idle", 400 / ticks},
                        {"iowait", 10 / ticks}, {"irq", 5 / ticks},    {"softirq", 3 / ticks},  {"steal", 2 / ticks}};
  wanted.cpus = 1;
  wanted.booted_at = WallTime(1000s);
  wanted.forks = 7;
  wanted.memory_bytes = 2048 * 1024;
  wanted.memory_available_bytes = 1024 * 1024;
  CHECK(usage == wanted);
  proc.folder.write("pressure/memory",
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
                    "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
  proc.folder.write("pressure/cpu", "garbage");
  proc.folder.write("loadavg", "0.50 1.00 2.25 1/100 4711\n");
  proc.folder.write("vmstat", "nr_free_pages 5\noom_kill 3\n");
  usage = proc.reader.usage().value();
  CHECK(usage.pressure == std::map<std::string, Pressure, std::less<>>{{"cpu", {}}, {"memory", {1.5, 0.5}}});
  CHECK(usage.load == std::array<double, 3>{0.5, 1, 2.25});
  CHECK(usage.oom_kills == 3);
}

TEST_CASE("a machine without a proc file system is an error and no empty machine") {
  ProcReader reader("/nonexistent");
  CHECK(code_of(reader.processes({})) == "not_found");
  CHECK(code_of(reader.usage()) == "not_found");
}

TEST_CASE("reading thousands of processes ends early when it is stopped") {
  ProcReader reader;
  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of(reader.processes(stop.get_token())) == "cancelled");
}

}  // namespace
}  // namespace heal
