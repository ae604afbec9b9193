#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/system/docker_engine.h"
#include "tests/contract/step/real_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// Containers on this machine's Docker; they are removed with the rig.
struct DockerRig : RealRig {
  DockerRig() : RealRig("allow: {exec: [/bin/echo, /bin/false]}\n") { bench.world().engines["local"] = engine; }
  ~DockerRig() {
    for (const auto& name : names)
      docker({"rm", "-f", "-v", name});
  }
  std::string docker(std::vector<std::string> arguments) {
    ProcessSpec spec;
    spec.argv = {"/usr/bin/docker"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/tmp"}};
    const auto outcome = processes.run(spec, clock.deadline_in(60s), {});
    if (!outcome || (!outcome->ok() && arguments[0] != "rm"))
      FAIL("docker " << arguments[0] << ": " << outcome->errors);
    return outcome->output;
  }
  /// A container that sleeps and does `on_term` on SIGTERM; gives its name.
  std::string start(const std::vector<std::string>& options = {}, const std::string& on_term = "exit 0") {
    static int count = 0;
    const auto name = fmt::format("heal-step-{}-{}", getpid(), ++count);
    names.push_back(name);
    std::vector<std::string> arguments{"run", "-d", "--name", name, "--label", "heal.enable=true"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    for (const char* more : {"promheal-test/busybox:contract", "/bin/sh", "-c"})
      arguments.emplace_back(more);
    arguments.push_back(fmt::format("trap '{}' TERM; echo begun; while :; do sleep 1 & wait $!; done", on_term));
    docker(arguments);
    // Not before the shell has set its trap.
    const Deadline deadline = clock.deadline_in(20s);
    while (engine->logs_tail(name, 1, 100, deadline, {}).value_or("") != "begun\n") {
      if (clock.steady_now() > deadline) FAIL(name << " does not begin");
      clock.sleep_for(20ms, {});
    }
    return name;
  }
  void aim_at(const std::string& name) {
    aim("container/local/" + name);
    bench.set_container_id(look(name).id);
  }
  ContainerInfo look(const std::string& name) { return engine->inspect(name, clock.deadline_in(10s), {}).value(); }
  void await_exit(const std::string& name) {
    const Deadline deadline = clock.deadline_in(20s);
    while (look(name).running()) {
      if (clock.steady_now() > deadline) FAIL(name << " goes on");
      clock.sleep_for(20ms, {});
    }
  }

  std::shared_ptr<DockerEngine> engine = std::make_shared<DockerEngine>(DockerEndpoint{});
  std::vector<std::string> names;
};

TEST_CASE("Docker pauses and unpauses, tells its log, and runs a program inside") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  REQUIRE(rig.bench.run("docker.pause: {}, undo: inverse").kind == Kind::kDone);
  CHECK(rig.look(name).status == "paused");
  CHECK(rig.bench.run("docker.pause: {}, undo: inverse").outputs.at("changed") == "false");
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/echo, x]}").reason == "conflict");
  REQUIRE(rig.bench.run("docker.unpause: {}").kind == Kind::kDone);
  CHECK(rig.look(name).running());
  CHECK(rig.bench.run("docker.logs: {}").outputs.at("output") == "begun\n");
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/echo, 'a  b', '$HOME']}").outputs.at("output") == "a  b $HOME\n");
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/false]}").reason == "exit_code");
}

TEST_CASE("Docker starts a container that stands still, and the undo stops it again") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  const std::string step = "docker.start: {}, undo: inverse";
  CHECK(rig.bench.run(step).outputs.at("changed") == "false");
  rig.docker({"pause", name});
  CHECK(rig.bench.run(step).reason == "paused");
  rig.docker({"unpause", name});
  rig.docker({"stop", name});
  const auto started_at = rig.look(name).started_at;
  const auto done = rig.bench.run(step);
  REQUIRE(done == ActionResult::done("container/local/" + name + " started", {{"changed", "true"}}));
  CHECK(rig.bench.before().at("status") == "exited");
  CHECK(rig.look(name).running());
  CHECK(rig.look(name).started_at != started_at);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look(name).status == "exited");
}

TEST_CASE("Docker stops a container by its signal, by force only after the grace, and the undo starts it again") {
  DockerRig rig;
  const std::string name = rig.start({}, "sleep 1; exit 7");
  rig.aim_at(name);
  const std::string step = "docker.stop: {grace: 20s}, undo: inverse";
  REQUIRE(rig.bench.run(step, 60s) ==
          ActionResult::done("container/local/" + name + " stopped", {{"changed", "true"}}));
  CHECK(rig.bench.before().at("status") == "running");
  CHECK(rig.look(name).status == "exited");
  CHECK(rig.look(name).exit_code == 7);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look(name).running());
  rig.docker({"kill", name});
  CHECK(rig.bench.run(step).outputs.at("changed") == "false");

  const std::string deaf = rig.start({"--stop-signal", "SIGURG"});  // which nobody ends on
  rig.aim_at(deaf);
  REQUIRE(rig.bench.run("docker.stop: {grace: 1s}").kind == Kind::kDone);
  CHECK(rig.look(deaf).exit_code == 128 + 9);
}

TEST_CASE("Docker sends the signal that the step names, and only a deadly one leaves a trace") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  REQUIRE(rig.bench.run("docker.kill: {signal: SIGTERM}") ==
          ActionResult::done("container/local/" + name + " got SIGTERM"));
  rig.await_exit(name);
  CHECK(rig.look(name).exit_code == 0);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  const auto late = rig.bench.run("docker.kill: {}");
  CHECK(late.kind == Kind::kFailed);
  CHECK(late.reason == "conflict");

  rig.docker({"start", name});
  REQUIRE(rig.bench.run("docker.kill: {}").message == "container/local/" + name + " got SIGKILL");
  rig.await_exit(name);
  CHECK(rig.look(name).exit_code == 128 + 9);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("Docker restarts a container, whether it runs, is paused or has ended") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  for (const char* state : {"running", "paused", "exited"}) {
    CAPTURE(state);
    if (state == std::string_view("paused")) rig.docker({"pause", name});
    if (state == std::string_view("exited")) rig.docker({"kill", name});
    const auto started_at = rig.look(name).started_at;
    const auto done = rig.bench.run("docker.restart: {grace: 20s}", 60s);
    REQUIRE(done == ActionResult::done("container/local/" + name + " restarted", {{"changed", "true"}}));
    CHECK(rig.bench.before().at("status") == state);
    CHECK(rig.look(name).running());
    CHECK(rig.look(name).started_at != started_at);
    CHECK(rig.bench.probe().probed == Probed::kHappened);
  }
}

TEST_CASE("a container that was made anew by somebody else is not what a step was aimed at") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  rig.docker({"rename", name, name + "-former"});
  rig.names.push_back(name + "-former");
  rig.docker({"rm", "-f", name + "-former"});
  rig.docker({"run", "-d", "--name", name, "promheal-test/busybox:contract", "/bin/sleep", "600"});
  for (const char* kind : {"start", "stop", "kill", "restart"})
    CHECK(rig.bench.run(fmt::format("docker.{}: {{}}", kind)).reason == "not begun");
  CHECK(rig.look(name).running());
  CHECK(rig.look(name).restart_count == 0);
}

TEST_CASE("Docker takes limits and gives them back") {
  DockerRig rig;
  const std::string limited = rig.start({"--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"});
  rig.aim_at(limited);
  const ContainerLimits before = rig.look(limited).limits;
  REQUIRE(
      rig.bench.run("docker.update: {memory: 128m, cpus: 0.25, pids: 60}, undo: inverse").message ==
      fmt::format("container/local/{} has memory=134217728, memory_swap=201326592, nano_cpus=250000000, pids=60 now",
                  limited));
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.look(limited).limits.memory_bytes == 128 << 20);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look(limited).limits == before);

  const std::string free = rig.start();
  rig.aim_at(free);
  const auto changed = rig.bench.run("docker.update: {memory: 64m, cpus: 0.5, pids: 50}, undo: inverse");
  CHECK(changed.message.find(" now") != std::string::npos);
  const auto undone = rig.bench.undo();
  CHECK(undone.message.find(" again") != std::string::npos);
  const ContainerLimits after = rig.look(free).limits;
  CHECK(after.memory_bytes.value_or(0) > (512 << 20));  // the host's, which is no limit
  CHECK(after.cpu_quota_us.value_or(-1) == -1);
  CHECK(after.pids.value_or(-1) == -1);
}

TEST_CASE("Docker makes a container anew with all that it was made with, volumes without a name included") {
  DockerRig rig;
  const auto network = fmt::format("heal-step-{}", getpid());
  rig.docker({"network", "create", network});
  {
    const std::string name = rig.start({"--network", network, "--network-alias", "cart", "--env", "A=b", "--volume",
                                        "/data", "--restart", "on-failure", "--memory", "64m", "--hostname", "chosen"});
    rig.docker({"network", "connect", "bridge", name});
    rig.docker({"exec", name, "/bin/sh", "-c", "echo kept > /data/file"});
    rig.aim_at(name);
    const ContainerInfo old = rig.look(name);
    const auto done = rig.bench.run("docker.recreate: {grace: 5s}", 60s);
    CAPTURE(done.message);
    REQUIRE(done.kind == Kind::kDone);
    const ContainerInfo fresh = rig.look(name);
    CHECK(fresh.id != old.id);
    CHECK(fresh.running());
    auto labels = old.labels;
    labels.insert_or_assign(std::string(kReplacesLabel), old.id);
    CHECK(fresh.labels == labels);
    CHECK(fresh.limits == old.limits);
    CHECK(fresh.restart_policy == "on-failure");
    CHECK(fresh.networks.at(network).find("cart") != std::string::npos);
    CHECK(fresh.networks.contains("bridge"));
    CHECK(rig.docker({"exec", name, "/bin/sh", "-c", "read x < /data/file; echo $x $A"}) == "kept b\n");
    CHECK(rig.docker({"inspect", "--format", "{{.Config.Hostname}}", name}) == "chosen\n");
    CHECK(rig.engine->inspect(old.id, rig.clock.deadline_in(10s), {}).error().code() == ErrorCode::kNotFound);
    CHECK(rig.bench.probe().probed == Probed::kHappened);
    CHECK(rig.bench.run("docker.inspect: {}").outputs.at("id") == fresh.id);
    rig.docker({"rm", "-f", "-v", name});
  }
  rig.docker({"network", "rm", network});
}

TEST_CASE("a container that cannot be made anew is back as it was") {
  DockerRig rig;
  const std::string name = rig.start({"--rm"});
  rig.aim_at(name);
  const std::string id = rig.look(name).id;
  CHECK(rig.bench.run("docker.recreate: {}", 60s).message.find("removes itself") != std::string::npos);
  CHECK(rig.look(name).id == id);
  CHECK(rig.look(name).running());
}

TEST_CASE("the top consumer inside a container is found from outside and signalled") {
  DockerRig rig;
  const std::string name = rig.start();
  rig.aim_at(name);
  const auto done = rig.bench.run("process.signal: {signal: SIGKILL}");
  CAPTURE(done.message);
  REQUIRE(done.kind == Kind::kDone);
  CHECK((done.outputs.at("name") == "sh" || done.outputs.at("name") == "sleep"));
}

TEST_CASE("a Compose project is restarted, stopped and started by its labels") {
  DockerRig rig;
  const auto project = fmt::format("heal-step-{}", getpid());
  const auto labels = [&](const std::string& service, const std::string& needs) {
    return std::vector<std::string>{"--label", "com.docker.compose.project=" + project,
                                    "--label", "com.docker.compose.service=" + service,
                                    "--label", "com.docker.compose.depends_on=" + needs};
  };
  const std::string web = rig.start(labels("web", "db:service_started:false"));
  const std::string db = rig.start(labels("db", ""));
  rig.aim_at(web);
  const auto started = rig.look(web).started_at;
  const auto restarted = rig.bench.run("compose.restart: {grace: 5s}", 60s);
  CHECK(restarted.notes == std::vector<std::string>{db + ": restarted", web + ": restarted"});
  CHECK(rig.look(web).started_at != started);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.run("compose.stop: {grace: 5s}, undo: inverse", 60s).message == "2 of 2 containers stopped");
  CHECK(rig.look(db).status == "exited");
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look(db).running());
  CHECK(rig.bench.run("compose.start: {service: db}").outputs.at("changed") == "false");
}

}  // namespace
}  // namespace heal::test
