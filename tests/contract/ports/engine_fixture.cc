#include "tests/contract/ports/engine_fixture.h"

#include <algorithm>
#include <string_view>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_container_engine.h"
#include "common/system/docker_engine.h"
#include "common/system/posix_process_runner.h"
#include "common/system/system_clock.h"
#include "tests/support/fake_docker.h"
#include "tests/support/temp_folder.h"

namespace heal::test {
namespace {

const std::string kImage = "promheal-test/busybox:contract";

void add_to(SimContainerEngine& engine, const std::string& name, EngineFixture::Program program) {
  SimContainer container{name, kImage, {{"heal.test", "contract"}}, "no", {"bridge"}, {}};
  container.program.on_term = 7;
  if (program == EngineFixture::Program::kIgnoresTerm) container.program.on_term = std::nullopt;
  engine.add(container);
  if (program != EngineFixture::Program::kPrints) return;
  for (const char* line : {"one", "two", "three"})
    engine.append_log(name, line);
}

/// The one script that the suite runs inside of containers, by a shell that knows nothing else.
Result<ExecOutcome> run_in_sim(const ContainerInfo&, const ExecSpec& spec) {
  if (spec.argv.front() != "/bin/sh") return ExecOutcome{127, "", "no such file"};
  return ExecOutcome{3, "out " + spec.environment.at("A") + "\n", "err\n"};
}

class SimEngine : public EngineFixture {
 public:
  SimEngine() { engine_.on_exec(run_in_sim); }
  ContainerEngine& engine() override { return engine_; }
  Clock& clock() override { return clock_; }
  std::string start_container(Program program) override {
    const auto name = fmt::format("contract-{}", ++count_);
    add_to(engine_, name, program);
    return name;
  }
  void crash(const std::string& name, std::int64_t exit_code) override { engine_.crash(name, exit_code); }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimContainerEngine engine_{clock_};
  int count_ = 0;
};

class FakeDockerEngine : public EngineFixture {
 public:
  FakeDockerEngine() { sim_.on_exec(run_in_sim); }
  ContainerEngine& engine() override { return engine_; }
  Clock& clock() override { return clock_; }
  std::string start_container(Program program) override {
    const auto name = fmt::format("contract-{}", ++count_);
    add_to(sim_, name, program);
    return name;
  }
  void crash(const std::string& name, std::int64_t exit_code) override { sim_.crash(name, exit_code); }

 private:
  TempFolder folder_;
  SystemClock clock_;
  SimContainerEngine sim_{clock_};
  FakeDocker daemon_{sim_, (folder_.path() / "docker.sock").string()};
  DockerEngine engine_{DockerEndpoint{(folder_.path() / "docker.sock").string()}};
  int count_ = 0;
};

/// The daemon of this machine. Its containers are removed with the fixture.
class RealEngine : public EngineFixture {
 public:
  ~RealEngine() override {
    for (const std::string& name : names_)
      docker({"rm", "-f", name});
  }
  ContainerEngine& engine() override { return engine_; }
  Clock& clock() override { return clock_; }

  std::string start_container(Program program) override {
    static int count = 0;
    const auto name = fmt::format("heal-contract-{}-{}", getpid(), ++count);
    names_.push_back(name);
    const std::string stay = "while :; do sleep 1 & wait $!; done";
    std::string script = "trap 'exit 7' TERM; trap 'exit 3' USR1; " + stay;
    if (program == Program::kIgnoresTerm) script = "trap '' TERM; " + stay;
    if (program == Program::kPrints) script = "echo one; echo two; echo three; " + script;
    const auto outcome = docker({"run", "-d", "--name", name, "--label", "heal.test=contract", "--network", "bridge",
                                 kImage, "/bin/sh", "-c", script});
    HEAL_CHECK(outcome.ok(), ("cannot run a container: " + outcome.errors).c_str());
    await_script(name, program);
    return name;
  }

  void crash(const std::string& name, std::int64_t exit_code) override {
    HEAL_CHECK(exit_code == 3, "the script ends with 3 on SIGUSR1");
    // The end of the container may take the sender with it, so how that one ended says nothing.
    docker({"exec", name, "/bin/kill", "-USR1", "1"});
    HEAL_CHECK(engine_.wait(name, soon(), {}).has_value(), "it ends");
  }

 private:
  ProcessOutcome docker(std::vector<std::string> arguments) {
    ProcessSpec spec;
    spec.argv = {"/usr/bin/docker"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/tmp"}};
    auto outcome = processes_.run(spec, soon() + 40s, {});
    HEAL_CHECK(outcome.has_value(), "docker can be run");
    return *outcome;
  }

  /// The shell has set its traps once it has started its first sleep. Its own arguments name the sleep too, but do not
  /// end with it.
  bool sleeps(const std::string& name) {
    const std::string listing = docker({"top", name, "-o", "pid,args"}).output;
    const auto lines = split(listing, '\n');
    return std::any_of(lines.begin(), lines.end(),
                       [](std::string_view line) { return trim(line).ends_with("sleep 1"); });
  }

  void await_script(const std::string& name, Program program) {
    const auto deadline = soon();
    const auto printed = [&] {
      return engine_.logs_tail(name, 3, 100, deadline, {}).value_or("") == "one\ntwo\nthree\n";
    };
    while (!sleeps(name) || (program == Program::kPrints && !printed()))
      HEAL_CHECK(clock_.steady_now() < deadline, "the container's shell starts");
  }

  SystemClock clock_;
  PosixProcessRunner processes_;
  DockerEngine engine_{DockerEndpoint{}};
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<EngineFixture> make_sim_engine() {
  return std::make_unique<SimEngine>();
}

std::unique_ptr<EngineFixture> make_docker_engine() {
  return std::make_unique<RealEngine>();
}

std::unique_ptr<EngineFixture> make_fake_docker_engine() {
  return std::make_unique<FakeDockerEngine>();
}

EngineKind engine_kind() {
  return GENERATE(values<EngineKind>(
      {{"sim", &make_sim_engine}, {"fake daemon", &make_fake_docker_engine}, {"docker", &make_docker_engine}}));
}

}  // namespace heal::test
