#include <catch2/catch.hpp>

#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;
using Outputs = std::map<std::string, std::string, std::less<>>;

struct DockerRig : SimRig {
  explicit DockerRig(const std::string& heal_yml = "allow: {exec: [/bin/reload]}\n") : SimRig(heal_yml) {
    engine->add({.name = "web", .labels = {{"heal.enable", "true"}}});
    engine->set_stats("web", {0, 0, std::uint64_t{8} << 30, 1});
    id = look("web").id;
    bench.set_container_id(id);
    engine->forget_calls();
  }
  std::string id;
};

TEST_CASE("a container is paused once, and unpaused by the undo") {
  DockerRig rig;
  const auto paused = rig.bench.run("docker.pause: {}, undo: inverse");
  CHECK(paused == ActionResult::done("container/local/web paused", {{"changed", "true"}}));
  CHECK(rig.look("web").status == "paused");
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.bench.undo() == ActionResult::done("container/local/web unpaused", {{"changed", "true"}}));
  CHECK(rig.look("web").status == "running");
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

TEST_CASE("what is paused or running already is not changed again") {
  DockerRig rig;
  CHECK(rig.bench.run("docker.unpause: {}").outputs == Outputs{{"changed", "false"}});
  REQUIRE(rig.bench.run("docker.pause: {}").kind == Kind::kDone);
  CHECK(rig.bench.run("docker.pause: {}") ==
        ActionResult::done("container/local/web was paused already", {{"changed", "false"}}));
  rig.engine->forget_calls();
  CHECK(rig.bench.run("docker.unpause: {}, undo: inverse").outputs == Outputs{{"changed", "true"}});
}

TEST_CASE("a stopped container cannot be paused, and a lost answer is an open question that the probe answers") {
  DockerRig rig;
  rig.engine->lose_answer_of_next("pause", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("docker.pause: {}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  rig.engine->fail_next("unpause", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("docker.unpause: {}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
  rig.engine->crash("web", 1);
  CHECK(rig.bench.run("docker.pause: {}").reason == "conflict");
}

TEST_CASE("the end of a log is an output") {
  DockerRig rig;
  for (const char* line : {"one", "two", "three"})
    rig.engine->append_log("web", line);
  CHECK(rig.bench.run("docker.logs: {lines: 2}") ==
        ActionResult::done("container/local/web: 2 line(s) of its log", {{"output", "two\nthree\n"}, {"lines", "2"}}));
  CHECK(rig.bench.refusal("docker.logs: {lines: 0}").find("lines") != std::string::npos);
}

TEST_CASE("a program inside a container must be allow-listed, and its exit code decides") {
  DockerRig rig;
  ExecSpec seen;
  rig.engine->on_exec([&](const ContainerInfo&, const ExecSpec& spec) -> Result<ExecOutcome> {
    seen = spec;
    return ExecOutcome{spec.argv.size() > 2 ? 3 : 0, "out", "oops"};
  });
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/reload, now], env: {A: b}, user: app, working_directory: /srv}") ==
        ActionResult::done("/bin/reload in container/local/web ended with exit code 0",
                           {{"exit_code", "0"}, {"output", "out"}, {"errors", "oops"}}));
  CHECK(seen == ExecSpec{{"/bin/reload", "now"}, {{"A", "b"}}, "app", "/srv", 65536});
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/reload, a, b]}").message ==
        "/bin/reload in container/local/web ended with exit code 3: oops");
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/reload, a, b], exit_codes: [0, 3]}").kind == Kind::kDone);
  CHECK(rig.bench.refusal("docker.exec: {argv: [/bin/sh, -c, x]}") ==
        "playbook p: step s: /bin/sh is not under allow.exec in heal.yml");
  CHECK(rig.bench.refusal("docker.exec: {argv: [reload]}").find("absolute path") != std::string::npos);
  CHECK(rig.bench.refusal("docker.exec: {argv: [/bin/reload]}, on_unknown: rerun").find("not repeatable") !=
        std::string::npos);
}

TEST_CASE("a program that is not waited for is an open question that nothing answers") {
  DockerRig rig;
  rig.engine->fail_next("exec", make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("docker.exec: {argv: [/bin/reload]}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
}

TEST_CASE("a label value is one argument of a program, and never an option") {
  DockerRig rig;
  ExecSpec seen;
  rig.engine->on_exec([&](const ContainerInfo&, const ExecSpec& spec) -> Result<ExecOutcome> {
    seen = spec;
    return ExecOutcome{};
  });
  rig.bench.set_labels({{"x", "$(touch /tmp/x); `id` {{7*7}}"}});
  REQUIRE(rig.bench.run("docker.exec: {argv: [/bin/reload, '{{ labels.x }}']}").kind == Kind::kDone);
  CHECK(seen.argv == std::vector<std::string>{"/bin/reload", "$(touch /tmp/x); `id` {{7*7}}"});
  rig.bench.set_labels({{"x", "-rf"}});
  CHECK(rig.bench.refusal("docker.exec: {argv: [/bin/reload, '{{ labels.x }}']}").find("dash") != std::string::npos);
}

TEST_CASE("limits are set, and put back as they were") {
  DockerRig rig;
  REQUIRE(
      rig.engine->update("web", {100 << 20, 300 << 20, std::nullopt, 20000, 100000, 50}, rig.clock.deadline_in(1s), {})
          .has_value());
  const auto done = rig.bench.run("docker.update: {memory: 200MiB, cpus: 0.5, pids: 60}, undo: inverse");
  CHECK(done.message ==
        "container/local/web has memory=209715200, memory_swap=419430400, cpu_quota=50000, cpu_period=100000, pids=60 "
        "now");
  CHECK(done.outputs == Outputs{{"changed", "true"}});
  CHECK(rig.look("web").limits == ContainerLimits{200 << 20, 400 << 20, std::nullopt, 50000, 100000, 60});
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look("web").limits == ContainerLimits{100 << 20, 300 << 20, std::nullopt, 20000, 100000, 50});
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

TEST_CASE("where there was no limit the undo gives what is as good as none") {
  DockerRig rig;
  REQUIRE(rig.bench.run("docker.update: {memory: 64m, cpus: 2, pids: 9}, undo: inverse").kind == Kind::kDone);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look("web").limits ==
        ContainerLimits{std::int64_t{8} << 30, std::int64_t{16} << 30, std::nullopt, -1, 100000, -1});
}

TEST_CASE("a container whose CPUs were limited as a whole keeps that way") {
  DockerRig rig;
  ContainerLimits limits;
  limits.nano_cpus = 500'000'000;
  REQUIRE(rig.engine->update("web", limits, rig.clock.deadline_in(1s), {}).has_value());
  REQUIRE(rig.bench.run("docker.update: {cpus: 1.5}, undo: inverse").kind == Kind::kDone);
  CHECK(rig.look("web").limits.nano_cpus == 1'500'000'000);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.look("web").limits.nano_cpus == 500'000'000);
}

TEST_CASE("limits that are so already are not set again, and those that cannot be are refused") {
  DockerRig rig;
  REQUIRE(rig.bench.run("docker.update: {pids: 60}").kind == Kind::kDone);
  rig.engine->forget_calls();
  CHECK(rig.bench.run("docker.update: {pids: 60}") ==
        ActionResult::done("container/local/web has pids=60 already", {{"changed", "false"}}));
  for (const auto& call : rig.engine->calls())
    CHECK(call.verb == "inspect");
  CHECK(rig.bench.refusal("docker.update: {}") == "playbook p: step s: docker.update needs one of memory, cpus, pids");
  CHECK(rig.bench.refusal("docker.update: {memory: 5MiB}") ==
        "playbook p: step s: argument memory: 5MiB is less than 6 MiB, which no engine takes");
  CHECK(rig.bench.refusal("docker.update: {memory: 9999999999999g}") ==
        "playbook p: step s: \"9999999999999g\" is not a size such as 500MiB");
  CHECK(rig.bench.refusal("docker.update: {cpus: 0}").find("cpus") != std::string::npos);
}

TEST_CASE("a container is made anew under its name, with what it had, and later steps act on the new one") {
  DockerRig rig;
  ContainerLimits pids;
  pids.pids = 7;
  REQUIRE(rig.engine->update("web", pids, rig.clock.deadline_in(1s), {}).has_value());
  const auto done = rig.bench.run("docker.recreate: {grace: 5s}", 60s);
  const ContainerInfo now = rig.look("web");
  CHECK(done == ActionResult::done("container/local/web was made anew",
                                   {{"changed", "true"}, {"id", now.id}, {"replaced", rig.id}}));
  CHECK(now.id != rig.id);
  CHECK(now.running());
  CHECK(now.limits.pids == 7);
  CHECK(label_value(now.labels, "heal.enable") == "true");
  CHECK(rig.engine->list(rig.clock.deadline_in(1s), {})->size() == 1);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  CHECK(rig.bench.run("docker.inspect: {}").outputs["id"] == now.id);
}

TEST_CASE("when the new container cannot start, the former one is back and runs") {
  DockerRig rig;
  rig.engine->fail_next("start", make_error(ErrorCode::kInternal, "the port is taken"));
  const auto failed = rig.bench.run("docker.recreate: {}", 60s);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message == "start: the port is taken; the former container is back");
  CHECK(rig.look("web").id == rig.id);
  CHECK(rig.look("web").running());
  CHECK(rig.engine->list(rig.clock.deadline_in(1s), {})->size() == 1);
}

TEST_CASE("an exchange of containers that was cut short is repaired by the next try") {
  DockerRig rig;
  const std::string verb = GENERATE("clone", "stop", "rename", "start");
  CAPTURE(verb);
  rig.engine->lose_answer_of_next(verb, make_error(ErrorCode::kTimeout, "timed out"));
  CHECK(rig.bench.run("docker.recreate: {}", 60s).kind == Kind::kUnknown);
  const auto answer = rig.bench.probe();
  CHECK(answer.probed == (verb == "start" ? Probed::kHappened : Probed::kUnknown));
  if (verb == "start") {
    CHECK(answer.message == "container/local/web was made anew; the former container is still there as web.heal-old");
    CHECK(answer.outputs == Outputs{{"changed", "true"}, {"id", rig.look("web").id}, {"replaced", rig.id}});
    return;
  }
  REQUIRE(rig.bench.run("docker.recreate: {}", 60s).kind == Kind::kDone);
  CHECK(rig.look("web").id != rig.id);
  CHECK(rig.look("web").running());
  CHECK(rig.engine->list(rig.clock.deadline_in(1s), {})->size() == 1);
}

TEST_CASE("a stranger under the target's name does not pass for the container made anew") {
  DockerRig rig;
  rig.engine->lose_answer_of_next("start", make_error(ErrorCode::kTimeout, "timed out"));
  REQUIRE(rig.bench.run("docker.recreate: {}", 60s).kind == Kind::kUnknown);
  REQUIRE(rig.engine->remove("web", rig.clock.deadline_in(1s), {}).has_value());
  rig.engine->add({.name = "web", .image = "another:1", .labels = {{"heal.enable", "true"}}});
  const auto answer = rig.bench.probe();
  CHECK(answer.probed == Probed::kUnknown);
  CHECK(answer.outputs.empty());
}

TEST_CASE("a former container is put back in a time of its own, although the step's is over") {
  DockerRig rig;
  rig.engine->fail_next("start", make_error(ErrorCode::kInternal, "the port is taken"));
  rig.engine->set_delay("rename", 9s);
  const auto failed = rig.bench.run("docker.recreate: {}", 19s);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.message == "start: the port is taken; the former container is back");
  CHECK(rig.look("web").id == rig.id);
  CHECK(rig.look("web").running());
  CHECK(rig.engine->list(rig.clock.deadline_in(1s), {})->size() == 1);
}

TEST_CASE("a container that was between two starts is started again when the new one cannot take its place") {
  DockerRig rig;
  rig.engine->add({.name = "loop", .labels = {{"heal.enable", "true"}}, .restart_policy = "always"});
  SimProgram dying;
  dying.exits_at_start = 1;
  rig.engine->set_program("loop", dying);
  rig.engine->crash("loop", 1);
  REQUIRE(rig.look("loop").status == "restarting");
  rig.bench.set_target({{"container", "local", "loop"}, "", {}, std::nullopt, playbook::Simulate::kRefuse});
  const std::string id = rig.look("loop").id;
  rig.bench.set_container_id(id);
  rig.engine->fail_next("start", make_error(ErrorCode::kInternal, "the port is taken"));
  CHECK(rig.bench.run("docker.recreate: {}", 60s).message == "start: the port is taken; the former container is back");
  CHECK(rig.look("loop").id == id);
  CHECK(rig.look("loop").status == "restarting");
}

TEST_CASE("a former container is removed by the next exchange only when the one in its place has served") {
  DockerRig rig;
  const bool has_served = GENERATE(true, false);
  const std::string verb = has_served ? "remove" : "start";
  const auto error = make_error(ErrorCode::kUnavailable, "the connection broke");
  rig.engine->fail_next(verb, error);
  const auto first = rig.bench.run("docker.recreate: {}", 60s);
  CHECK(first.kind == (has_served ? Kind::kDone : Kind::kUnknown));
  REQUIRE(rig.look("web.heal-old").id == rig.id);
  const std::string second = rig.look("web").id;
  CHECK(label_value(rig.look("web").labels, kReplacesLabel) == rig.id);
  // As another incident, which knows the container that is there now.
  rig.bench.set_container_id(second);
  const auto again = rig.bench.run("docker.recreate: {}", 60s);
  if (has_served) {
    CHECK(again.kind == Kind::kDone);
    CHECK(rig.engine->list(rig.clock.deadline_in(1s), {})->size() == 1);
    return;
  }
  CHECK(again.message ==
        "there is a container web.heal-old in whose place web has not served: one of the two has to be removed");
  CHECK(rig.look("web.heal-old").id == rig.id);
  CHECK(rig.look("web").id == second);
}

TEST_CASE("a container that nobody made here is not touched by an exchange") {
  DockerRig rig;
  const std::string stranger = GENERATE("web.heal-new", "web.heal-old");
  rig.engine->create({.name = stranger, .labels = {{"heal.enable", "true"}}});
  CHECK(rig.bench.run("docker.recreate: {}", 60s).reason == "conflict");
  CHECK(rig.look("web").id == rig.id);
  CHECK(rig.look(stranger).status == "created");
}

TEST_CASE("a container of the name of one that nobody made here, and that runs, is not touched either") {
  DockerRig rig;
  rig.engine->add({.name = "web.heal-new", .labels = {}});
  CHECK(rig.bench.run("docker.recreate: {}", 60s).message ==
        "there is a container web.heal-new that was not made here");
  CHECK(rig.look("web").id == rig.id);
}

}  // namespace
}  // namespace heal::test
