#include <catch2/catch.hpp>

#include "tests/unit/step/sim_rig.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;
using ScopeKind = ProcessScope::Kind;

playbook::InventoryTarget target(const std::string& id) {
  return {TargetId::parse(id).value(), "", {}, std::nullopt, playbook::Simulate::kRefuse};
}

const ProcessScope kWorkers{ScopeKind::kName, "worker"};

struct HostRig : SimRig {
  HostRig() : SimRig("allow: {host: [drop_caches]}\n") {
    bench.set_target(target("process/worker"));
    host.add(kWorkers, {100, 5, "worker", 0, std::uint64_t{300} << 20}, 0.1);
    host.add(kWorkers, {101, 6, "worker", 0, std::uint64_t{200} << 20}, 0.9);
  }
};

TEST_CASE("the process with the most memory gets the signal, and no other") {
  HostRig rig;
  const auto done = rig.bench.run("process.signal: {}");
  CHECK(done == ActionResult::done(
                    "process 100 (worker, 300 MiB, 0 % CPU) got SIGTERM",
                    {{"pid", "100"}, {"name", "worker"}, {"memory_bytes", "314572800"}, {"cpu_percent", "0.0"}}));
  CHECK(rig.host.signals() == std::vector<std::pair<std::int64_t, std::string>>{{100, "SIGTERM"}});
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("by CPU it is the one that used most in the window") {
  HostRig rig;
  const auto done = rig.bench.run("process.signal: {by: cpu, window: 2s, signal: SIGKILL, at_least: 80%}");
  CHECK(done.message == "process 101 (worker, 200 MiB, 90 % CPU) got SIGKILL");
}

TEST_CASE("a process that uses less than it must is left alone") {
  HostRig rig;
  const auto refused = rig.bench.run("process.signal: {at_least: 1GiB}");
  CHECK(refused.reason == "not begun");
  CHECK(refused.message == "the top consumer of name worker is process 100 (worker, 300 MiB, 0 % CPU), less than 1GiB");
  CHECK(rig.bench.run("process.signal: {by: cpu, at_least: 95%}").reason == "not begun");
  CHECK(rig.host.signals().empty());
}

TEST_CASE("a pid that was used anew between the choice and the signal gets nothing") {
  HostRig rig;
  const auto planned = rig.bench.plan("process.signal: {}").value();
  const auto& step = planned.steps.front();
  const remedy::ActionKind* kind = remedy::find_action("process.signal");
  const remedy::ActionScope scope{rig.bench.world(), rig.tools, planned, step, {}, "", std::nullopt, "inc-1"};
  const auto before = kind->prepare(scope, rig.clock.deadline_in(1s), {}).value();
  rig.host.reuse_pid(100);
  const auto result = kind->run(scope, before, rig.clock.deadline_in(1s), {});
  CHECK(result == ActionResult::failed("not_found", "process 100 (worker) has ended"));
  CHECK(rig.host.signals().empty());
}

TEST_CASE("whether a signal arrived is known only of those that end a process") {
  HostRig rig;
  rig.host.make_stubborn(100);
  REQUIRE(rig.bench.run("process.signal: {}").kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  REQUIRE(rig.bench.run("process.signal: {signal: SIGUSR1}").kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  REQUIRE(rig.bench.run("process.signal: {signal: SIGKILL}").kind == Kind::kDone);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
}

TEST_CASE("the scope is the container, the unit, a pid file or a cgroup") {
  HostRig rig;
  rig.engine->add({.name = "web", .labels = {}});
  rig.host.add({ScopeKind::kContainer, rig.look("web").id}, {7, 1, "nginx", 0, 1 << 20});
  rig.host.add({ScopeKind::kUnit, "db.service"}, {8, 1, "postgres", 0, 1 << 20});
  rig.host.add({ScopeKind::kPidFile, "/run/x.pid"}, {9, 1, "x", 0, 1 << 20});
  rig.host.add({ScopeKind::kCgroup, "/sys/fs/cgroup/jobs"}, {10, 1, "job", 0, 1 << 20});
  REQUIRE(rig.bench.run("process.signal: {pid_file: /run/x.pid}").outputs["pid"] == "9");
  REQUIRE(rig.bench.run("process.signal: {cgroup: /sys/fs/cgroup/jobs}").outputs["pid"] == "10");
  rig.bench.set_target(target("container/local/web"));
  REQUIRE(rig.bench.run("process.signal: {}").outputs["pid"] == "7");
  rig.bench.set_target(target("unit/db.service"));
  REQUIRE(rig.bench.run("process.signal: {}").outputs["pid"] == "8");
  CHECK(rig.bench.run("process.signal: {}").message == "no process of unit db.service is in sight");
}

TEST_CASE("what does not fit together is refused before anything is looked at") {
  HostRig rig;
  CHECK(rig.bench.refusal("process.signal: {pid_file: relative}").find("absolute path") != std::string::npos);
  CHECK(rig.bench.refusal("process.signal: {pid_file: '/run/{{ labels.x }}'}").find("without {{ }}") !=
        std::string::npos);
  CHECK(rig.bench.refusal("process.signal: {pid_file: /a, cgroup: /b}") ==
        "playbook p: step s: process.signal takes either pid_file or cgroup");
  CHECK(rig.bench.refusal("process.signal: {at_least: 80%}") ==
        "playbook p: step s: argument at_least: memory is given in bytes, as 500MiB");
  CHECK(rig.bench.refusal("process.signal: {by: cpu, at_least: 80m}") ==
        "playbook p: step s: argument at_least: CPU is given in percent of one, as 80%");
  rig.bench.set_target(target("container/local/web"));
  CHECK(rig.bench.refusal("process.signal: {pid_file: /run/x.pid}") ==
        "playbook p: step s: pid_file and cgroup are for targets process/<name>");
}

TEST_CASE("processes of an engine on another machine are not looked for on this one") {
  HostRig rig;
  rig.engine->add({.name = "web", .labels = {}});
  rig.bench.world().bundle.config.engines["local"].tcp = "far:2376";
  rig.bench.set_target(target("container/local/web"));
  CHECK(rig.bench.run("process.signal: {}").message == "the processes of container/local/web are on another machine");
}

TEST_CASE("caches are dropped where heal.yml allows it and the machine lets us") {
  HostRig rig;
  CHECK(rig.bench.run("host.drop_caches: {}").kind == Kind::kDone);
  CHECK(rig.bench.run("host.drop_caches: {what: slab}").kind == Kind::kDone);
  CHECK(rig.bench.run("host.drop_caches: {what: all}").kind == Kind::kDone);
  CHECK(rig.host.dropped() ==
        std::vector<Host::Caches>{Host::Caches::kPageCache, Host::Caches::kSlab, Host::Caches::kAll});
  rig.host.forbid_drop_caches(make_error(ErrorCode::kUnauthorized, "/proc/sys/vm/drop_caches: Permission denied"));
  CHECK(rig.bench.run("host.drop_caches: {}") ==
        ActionResult::failed("unauthorized", "/proc/sys/vm/drop_caches: Permission denied"));
  SimRig plain;
  CHECK(plain.bench.refusal("host.drop_caches: {}") ==
        "playbook p: step s: drop_caches is not under allow.host in heal.yml");
  CHECK(rig.bench.refusal("host.drop_caches: {what: 4}").find("what") != std::string::npos);
}

/// systemctl with one unit.
struct UnitRig : SimRig {
  UnitRig() {
    bench.set_target(target("unit/app.service"));
    processes.on("/usr/bin/systemctl", [this](const ProcessSpec& spec) { return answer(spec); });
  }
  ProcessScript answer(const ProcessSpec& spec) {
    const std::string verb = spec.argv[3];
    if (!trouble.empty()) return ProcessScript::exits(1, "", trouble);
    if (verb == "start" || verb == "restart") {
      if (verb == "restart" || active != "active") invocation += 1;
      active = !starts_well ? "failed" : type == "oneshot" ? "inactive" : "active";
    }
    if (verb == "stop" || (verb == "reset-failed" && active == "failed")) active = "inactive";
    if (verb.substr(0, 4) != "show") return ProcessScript::exits(0);
    return ProcessScript::exits(
        0, "LoadState=" + load + "\nActiveState=" + active + "\nSubState=sub\nResult=success\n" +
               "InvocationID=" + (forgets ? "" : std::to_string(invocation)) + "\nType=" + type + "\n");
  }
  std::string active = "failed", load = "loaded", type = "simple", trouble;
  bool forgets = false;
  int invocation = 1;
  bool starts_well = true;
};

TEST_CASE("a unit is started, stopped, restarted and forgiven, and put back as it was") {
  UnitRig rig;
  const auto started = rig.bench.run("systemd.unit: {action: start}, undo: inverse");
  CHECK(started.message == "unit app.service is active (sub)");
  CHECK(started.outputs.at("changed") == "true");
  CHECK(rig.bench.run("systemd.unit: {action: start}").outputs.at("changed") == "false");
  CHECK(rig.bench.run("systemd.unit: {action: restart}").outputs.at("changed") == "true");
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  REQUIRE(rig.bench.run("systemd.unit: {action: stop}, undo: inverse").kind == Kind::kDone);
  REQUIRE(rig.bench.undo().kind == Kind::kDone);
  CHECK(rig.active == "active");
  rig.active = "failed";
  REQUIRE(rig.bench.run("systemd.unit: {action: reset-failed}").kind == Kind::kDone);
  CHECK(rig.active == "inactive");
  CHECK(rig.processes.runs().front().argv ==
        std::vector<std::string>{"/usr/bin/systemctl", "--no-ask-password", "--no-pager", "show",
                                 "--property=LoadState,ActiveState,SubState,Result,InvocationID,Type", "--",
                                 "app.service"});
}

TEST_CASE("a unit that does its work and ends was started") {
  UnitRig rig;
  rig.type = "oneshot";
  rig.active = "inactive";
  const auto action = GENERATE(as<std::string>(), "start", "restart");
  const std::string step = "systemd.unit: {action: " + action + "}";
  const auto ran = rig.bench.run(step);
  CHECK(ran.kind == Kind::kDone);
  CHECK(ran.message == "unit app.service is inactive (sub)");
  CHECK(ran.outputs.at("changed") == "true");
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  rig.invocation -= 1;
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
  rig.forgets = true;
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
  CHECK(rig.bench.run(step).kind == Kind::kDone);
  rig.starts_well = false;
  CHECK(rig.bench.run(step).reason == "not_taken");
}

TEST_CASE("a unit that does not come up, is not there, or has no systemd fails the step with a plain reason") {
  UnitRig rig;
  rig.starts_well = false;
  CHECK(rig.bench.run("systemd.unit: {action: start}").reason == "not_taken");
  rig.load = "not-found";
  CHECK(rig.bench.run("systemd.unit: {action: start}").message == "systemd knows no unit app.service");
  rig.trouble = "System has not been booted with systemd as init system (PID 1). Can't operate.\n";
  CHECK(rig.bench.run("systemd.unit: {action: start}").message.starts_with("there is no systemd in reach: "));
  SimRig none;
  none.bench.set_target(target("unit/app.service"));
  CHECK(none.bench.run("systemd.unit: {action: start}").reason == "not begun");
}

TEST_CASE("a job that is not waited for is an open question") {
  UnitRig rig;
  rig.processes.on("/usr/bin/systemctl", [&](const ProcessSpec& spec) {
    ProcessScript script = rig.answer(spec);
    if (spec.argv[3] == "restart") script.runs_for = 1h;
    return script;
  });
  CHECK(rig.bench.run("systemd.unit: {action: restart}").kind == Kind::kUnknown);
  CHECK(rig.bench.probe().probed == Probed::kHappened);
  rig.active = "activating";
  CHECK(rig.bench.probe().probed == Probed::kUnknown);
}

}  // namespace
}  // namespace heal::test
