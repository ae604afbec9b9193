#include <filesystem>
#include <fstream>
#include <memory>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/small_file.h"
#include "common/base/text.h"
#include "common/sim/fake_clock.h"
#include "common/sim/scripted_process_runner.h"
#include "common/system/posix_process_runner.h"
#include "common/system/process_table.h"
#include "common/system/system_clock.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using End = ProcessOutcome::End;

ProcessSpec shell(const std::string& script) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", script};
  return spec;
}

/// A runner whose /bin/sh knows the scripts of this suite.
class RunnerFixture {
 public:
  virtual ~RunnerFixture() = default;
  virtual ProcessRunner& runner() = 0;
  virtual Clock& clock() = 0;
  virtual bool is_real() const = 0;

  Deadline soon() { return clock().deadline_in(20s); }
};

class SimRunner : public RunnerFixture {
 public:
  SimRunner() {
    runner_.on("/bin/sh", [](const ProcessSpec& spec) {
      const std::string& script = spec.argv.at(2);
      if (script == "cat") return ProcessScript::exits(0, spec.input);
      if (script == "exit 7") return ProcessScript::exits(7);
      if (script == "echo out; echo err >&2") return ProcessScript::exits(0, "out\n", "err\n");
      if (script == "yes | head -c 200000") {
        std::string output;
        for (int i = 0; i < 100'000; ++i)
          output += "y\n";
        return ProcessScript::exits(0, output);
      }
      return ProcessScript::exits(0, "", "", Duration::max());
    });
  }
  ProcessRunner& runner() override { return runner_; }
  Clock& clock() override { return clock_; }
  bool is_real() const override { return false; }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  ScriptedProcessRunner runner_{clock_};
};

class RealRunner : public RunnerFixture {
 public:
  ProcessRunner& runner() override { return runner_; }
  Clock& clock() override { return clock_; }
  bool is_real() const override { return true; }

 private:
  SystemClock clock_;
  PosixProcessRunner runner_;
};

std::unique_ptr<RunnerFixture> runner_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealRunner>();
  return std::make_unique<SimRunner>();
}

/// Processes whose command line has `mark`.
std::vector<pid_t> processes_with(const std::string& mark) {
  std::vector<pid_t> found;
  for (const ProcessEntry& entry : read_process_table()) {
    if (entry.ended()) continue;
    const std::string line = read_small_file("/proc/" + std::to_string(entry.pid) + "/cmdline");
    if (line.find(mark) != std::string::npos) found.push_back(entry.pid);
  }
  return found;
}

TEST_CASE("a program's exit code and outputs are given") {
  const auto fixture = runner_fixture();
  const auto failed = fixture->runner().run(shell("exit 7"), fixture->soon(), {});
  REQUIRE(failed.has_value());
  CHECK(failed->end == End::kExited);
  CHECK(failed->exit_code == 7);
  CHECK_FALSE(failed->ok());
  const auto printed = fixture->runner().run(shell("echo out; echo err >&2"), fixture->soon(), {});
  REQUIRE(printed.has_value());
  CHECK(printed->ok());
  CHECK(printed->output == "out\n");
  CHECK(printed->errors == "err\n");
  CHECK_FALSE(printed->output_truncated);
}

TEST_CASE("input arrives whole, and output beyond the limit is dropped") {
  const auto fixture = runner_fixture();
  ProcessSpec cat = shell("cat");
  cat.input = std::string(300'000, 'x') + "end";
  cat.max_output_bytes = 1 << 20;
  CHECK(fixture->runner().run(cat, fixture->soon(), {})->output == cat.input);
  ProcessSpec yes = shell("yes | head -c 200000");
  yes.environment = {{"PATH", "/usr/bin:/bin"}};
  yes.max_output_bytes = 5;
  const auto outcome = fixture->runner().run(yes, fixture->soon(), {});
  REQUIRE(outcome.has_value());
  CHECK(outcome->ok());
  CHECK(outcome->output == "y\ny\ny");
  CHECK(outcome->output_truncated);
}

TEST_CASE("a program that does not end is ended at the deadline") {
  const auto fixture = runner_fixture();
  const auto outcome = fixture->runner().run(shell("exec sleep 1000"), fixture->clock().deadline_in(50ms), {});
  REQUIRE(outcome.has_value());
  CHECK(outcome->end == End::kTimedOut);
  CHECK_FALSE(outcome->ok());
}

TEST_CASE("a stop ends a program") {
  const auto fixture = runner_fixture();
  std::stop_source stop;
  Result<ProcessOutcome> outcome;
  std::thread caller(
      [&] { outcome = fixture->runner().run(shell("exec sleep 1000"), SteadyTime::max(), stop.get_token()); });
  stop.request_stop();
  caller.join();
  REQUIRE(outcome.has_value());
  CHECK(outcome->end == End::kStopped);
}

TEST_CASE("what cannot be started is an error, and nothing ran") {
  const auto fixture = runner_fixture();
  ProcessSpec spec;
  const auto error = [&] {
    const auto outcome = fixture->runner().run(spec, fixture->soon(), {});
    return outcome ? "it ran" : outcome.error().str();
  };
  CHECK(error() == "cannot run a program: argv is empty");
  spec.argv = {"sh"};
  CHECK(error() == "cannot run a program: argv[0] is not an absolute path");
  spec.argv = {"/no/such/program"};
  CHECK(error() == "cannot run /no/such/program: no such file or directory");
  spec.argv = {"/bin/sh", std::string("a\0b", 3)};
  CHECK(error() == "cannot run a program: an argument has a NUL byte");
  spec.argv = {"/bin/sh"};
  spec.environment = {{"A=B", "c"}};
  CHECK(error() == "cannot run a program: a variable's name is empty or has a =");
  spec.environment = {};
  spec.working_directory = "relative";
  CHECK(error() == "cannot run a program: the working directory is not an absolute path");
}

// What only real processes can show.

TEST_CASE("a program gets the given environment and folder, nothing else, and no descriptor of ours") {
  RealRunner fixture;
  const test::TempFolder folder;
  ProcessSpec spec =
      shell("pwd; echo $A; /usr/bin/env | grep -vE '^(PWD|_|SHLVL|OLDPWD)=' | sort; ls /proc/self/fd | tr '\\n' ' '");
  spec.environment = {{"A", "b c"}, {"PATH", "/usr/bin:/bin"}};
  spec.working_directory = folder.path();
  const auto outcome = fixture.runner().run(spec, fixture.soon(), {});
  REQUIRE(outcome.has_value());
  const auto lines = split(outcome->output, '\n');
  REQUIRE(lines.size() == 6);
  CHECK(lines[0] == folder.path().string());
  CHECK(lines[1] == "b c");
  CHECK(lines[2] == "A=b c");
  CHECK(lines[3] == "PATH=/usr/bin:/bin");
  CHECK(lines[4].starts_with("PROMHEAL_RUN="));
  CHECK(lines[5] == "0 1 2 3 ");  // 3 is ls's own
}

TEST_CASE("a folder that is none and a file that is no program are told") {
  RealRunner fixture;
  const test::TempFolder folder;
  ProcessSpec spec = shell("true");
  spec.working_directory = "/no/such/folder";
  CHECK(fixture.runner().run(spec, fixture.soon(), {}).error().str() ==
        "working directory /no/such/folder: no such file or directory");
  const std::string text = folder.path() / "text";
  std::ofstream(text) << "\x01\x02 not a program";
  spec = ProcessSpec();
  spec.argv = {text};
  CHECK(fixture.runner().run(spec, fixture.soon(), {}).error().code() == ErrorCode::kUnauthorized);
  std::filesystem::permissions(text, std::filesystem::perms::owner_all);
  CHECK(fixture.runner().run(spec, fixture.soon(), {}).error().code() == ErrorCode::kInvalid);
}

TEST_CASE("a program that a signal ends is told from one that exits") {
  RealRunner fixture;
  const auto outcome = fixture.runner().run(shell("kill -KILL $$"), fixture.soon(), {});
  REQUIRE(outcome.has_value());
  CHECK(outcome->end == End::kSignalled);
  CHECK(outcome->signal == SIGKILL);
}

TEST_CASE("a program may use the grace to clean up, and is killed when it does not") {
  RealRunner fixture;
  // Long enough for a shell to begin and set its trap.
  const auto polite = fixture.runner().run(shell("trap 'echo cleaned; exit 0' TERM; while :; do sleep 0.05; done"),
                                           fixture.clock().deadline_in(3s), {});
  REQUIRE(polite.has_value());
  CHECK(polite->end == End::kTimedOut);
  CHECK(polite->output == "cleaned\n");
  ProcessSpec stubborn = shell("trap '' TERM; while :; do sleep 0.05; done");
  stubborn.kill_grace = 50ms;
  const auto killed = fixture.runner().run(stubborn, fixture.clock().deadline_in(100ms), {});
  REQUIRE(killed.has_value());
  CHECK(killed->end == End::kTimedOut);
}

TEST_CASE("nothing of a program is left, neither children nor those in sessions of their own") {
  RealRunner fixture;
  const std::string mark = "9987" + std::to_string(getpid());
  const std::string script = GENERATE("sleep MARK & exit 0",                                  // child in the group
                                      "setsid sleep MARK & exit 0",                           // in its own session
                                      "(setsid sh -c 'sleep MARK & sleep MARK' &) ; exit 0",  // and its grandchild
                                      "sleep MARK");                                          // the deadline's case
  std::string real = script;
  for (auto at = real.find("MARK"); at != std::string::npos; at = real.find("MARK"))
    real.replace(at, 4, mark);
  CAPTURE(real);
  ProcessSpec spec = shell(real);
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  const auto outcome = fixture.runner().run(spec, fixture.clock().deadline_in(300ms), {});
  REQUIRE(outcome.has_value());
  CHECK(processes_with(mark).empty());
}

TEST_CASE("what is private reaches a program by a file of this user's alone, which is gone afterwards") {
  PosixProcessRunner runner;
  SystemClock clock;
  ProcessSpec spec = shell("echo \"$0\"; cat \"$0\"; stat -c %a \"$0\"");
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.argv.emplace_back(kPrivateFile);
  spec.private_text = "s3cret\n";
  const auto outcome = runner.run(spec, clock.deadline_in(20s), {});
  REQUIRE(outcome.has_value());
  const auto lines = split(outcome->output, '\n');
  REQUIRE(lines.size() >= 3);
  CHECK(lines[1] == "s3cret");
  CHECK(lines[2] == "600");
  CHECK_FALSE(std::filesystem::exists(std::string(lines[0])));
}

TEST_CASE("what a program leaves running is counted") {
  PosixProcessRunner runner;
  SystemClock clock;
  const auto run = [&](const std::string& script) {
    auto outcome = runner.run(shell(script), clock.deadline_in(20s), {});
    REQUIRE(outcome.has_value());
    REQUIRE(outcome->ok());
    return outcome->left_over;
  };
  CHECK(run("exit 0") == 0);
  CHECK(run("sleep 1000 & exit 0") == 1);
}

TEST_CASE("programs that run side by side do not end one another") {
  RealRunner fixture;
  std::vector<std::thread> callers;
  std::vector<Result<ProcessOutcome>> outcomes(8);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    callers.emplace_back([&, i] {
      ProcessSpec spec = shell(i % 2 == 0 ? "setsid sleep 0.2; echo done" : "setsid sleep 1000 & exit 0");
      spec.environment = {{"PATH", "/usr/bin:/bin"}};
      outcomes[i] = fixture.runner().run(spec, fixture.soon(), {});
    });
  }
  for (std::thread& caller : callers)
    caller.join();
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    REQUIRE(outcomes[i].has_value());
    CHECK(outcomes[i]->ok());
    CHECK(outcomes[i]->output == (i % 2 == 0 ? "done\n" : ""));
  }
}

}  // namespace
}  // namespace heal
