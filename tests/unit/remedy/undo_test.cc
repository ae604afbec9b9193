#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/remedy/step_ref.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

/// Two services are stopped, the target is started, and `third` follows.
std::string saga(const std::string& third, const std::string& rest = "") {
  return R"(version: 1
playbook: restart-container
mode: auto
steps:
  - name: first
    docker.stop: {grace: 1s}
    target: container/local/one
    undo: inverse
  - name: second
    docker.stop: {grace: 1s}
    target: container/local/two
    undo: {docker.start: {}}
  - name: third
    )" + third +
         R"(
verify:
  within: 5s
  consecutive: 1
  all: [{check: health}]
stay_healthy: 30s
)" + rest;
}

std::string heal_yml() {
  std::string text = kHealYml;
  return text.replace(text.find("  container_labels: true\n"), 25,
                      "  container_labels: true\n  targets: [{target: container/local/one}, "
                      "{target: container/local/two}]\n");
}

void add(Rig& rig, const std::string& name) {
  SimContainer container;
  container.name = name;
  container.labels = {
      {"heal.enable", "true"}, {"com.docker.compose.project", "shop"}, {"com.docker.compose.service", name}};
  rig.engine->add(container);
}

struct UndoBench {
  explicit UndoBench(const std::string& playbook) : rig(playbook, heal_yml()) {
    add(rig, "one");
    add(rig, "two");
    rig.engine->crash("nginx", 1);
    rig.engine->forget_calls();
  }
  void fire() { REQUIRE(rig.post(Rig::group_of({rig.fire()}))->accepted == 1); }
  /// `verb container` of what changed something, in order.
  std::vector<std::string> story() {
    std::vector<std::string> out;
    for (const auto& call : rig.changes())
      out.push_back(call.verb + " " + name_of(call.container));
    return out;
  }
  std::string name_of(const std::string& reference) {
    const auto info = rig.engine->inspect(reference, rig.clock.deadline_in(1s), {});
    return info.has_value() ? info->name : reference;
  }
  bool is_running(const std::string& name) {
    return rig.engine->inspect(name, rig.clock.deadline_in(1s), {})->running();
  }

  Rig rig;
};

const char* const kFails = "assert: [{value: target.name, is: nobody}]";

TEST_CASE("an undo acts on the container that its step stopped, not on what has its name by now") {
  UndoBench bench(saga("command: {argv: [/bin/true-ish]}"));
  bench.rig.processes.on("/bin/true-ish", [&](const ProcessSpec&) {
    // Somebody deploys `one` anew meanwhile.
    (void)bench.rig.engine->rename("one", "one-before", bench.rig.clock.deadline_in(1s), {});
    bench.rig.engine->create({.name = "one", .labels = {{"heal.enable", "true"}}});
    return ProcessScript::exits(1);
  });
  bench.fire();
  bench.rig.run_to(IncidentState::kFailed);
  CHECK(bench.is_running("one-before"));
  CHECK_FALSE(bench.is_running("one"));
}

TEST_CASE("each step of an incident has a key of its own, all its tries the same") {
  CHECK(make_step_key(1, {StepRole::kStep, 0}, "tell") == "1/0/tell");
  CHECK(make_step_key(1, {StepRole::kResolved, 0}, "tell") == "1/r0/tell");
  CHECK(make_step_key(1, {StepRole::kUndo, 0}, "tell") == "1/u0/tell");
  CHECK(make_step_key(2, {StepRole::kStep, 0}, "tell") == "2/0/tell");
}

TEST_CASE("when a step fails, the steps before it are undone, the last first") {
  UndoBench bench(saga(kFails));
  bench.fire();
  const Incident failed = bench.rig.run_to(IncidentState::kFailed);
  CHECK(bench.story() == std::vector<std::string>{"stop one", "stop two", "start two", "start one"});
  CHECK(failed.reason == "step_failed");
  CHECK(failed.message.find("undone: second, first") != std::string::npos);
  CHECK(bench.rig.memory->open_steps()->empty());
}

TEST_CASE("when verification says that it did not help, what was done is undone") {
  UndoBench bench(saga("docker.inspect: {}"));
  bench.fire();
  const Incident failed = bench.rig.run_to(IncidentState::kFailed);
  CHECK(bench.story() == std::vector<std::string>{"stop one", "stop two", "start two", "start one"});
  CHECK(failed.reason == "not_verified");
  const auto kinds = bench.rig.kinds(failed.id);
  CHECK(std::count(kinds.begin(), kinds.end(), "undo") == 1);
}

TEST_CASE("on_failure: keep leaves what was done as it is") {
  UndoBench bench(saga(kFails, "on_failure: keep\n"));
  bench.fire();
  bench.rig.run_to(IncidentState::kFailed);
  CHECK(bench.story() == std::vector<std::string>{"stop one", "stop two"});
}

TEST_CASE("a heal that helped is not undone") {
  UndoBench bench(saga("docker.start: {}\n    undo: inverse"));
  bench.fire();
  bench.rig.run_to(IncidentState::kClosed);
  CHECK(bench.story().size() == 3);
}

TEST_CASE("a step that changed nothing has nothing to undo") {
  UndoBench bench(saga(kFails));
  bench.rig.engine->crash("one", 0);
  bench.rig.engine->forget_calls();
  bench.fire();
  bench.rig.run_to(IncidentState::kFailed);
  CHECK_FALSE(bench.is_running("one"));
  CHECK(bench.is_running("two"));
}

TEST_CASE("an undo that fails is told, keeps no other from being tried, and needs a human") {
  UndoBench bench(saga(kFails));
  bench.rig.engine->fail_next("start", make_error(ErrorCode::kConflict, "no such network"));
  bench.fire();
  const Incident halted = bench.rig.run_to(IncidentState::kInterrupted);
  CHECK(halted.reason == "undo_failed");
  CHECK(halted.message.find("second") != std::string::npos);
  CHECK(bench.is_running("one"));
  CHECK_FALSE(bench.is_running("two"));
}

TEST_CASE("on_unknown: undo undoes a half-done step and those before it after a restart") {
  UndoBench bench(saga("command: {argv: [/bin/true-ish]}\n    on_unknown: undo\n    undo: {docker.start: {}}"));
  bench.rig.processes.on("/bin/true-ish", ProcessScript::exits(0, "", "", 10s));
  bench.fire();
  bench.rig.await([&] { return bench.rig.processes.runs().size() == 1 && bench.rig.clock.sleepers() > 0; });
  bench.rig.kill();
  REQUIRE(bench.rig.memory->open_steps()->size() == 1);
  bench.rig.start();
  const Incident failed = bench.rig.run_to(IncidentState::kFailed);
  CHECK(failed.reason == "outcome_unknown");
  CHECK(bench.rig.processes.runs().size() == 1);
  CHECK(bench.story() == std::vector<std::string>{"stop one", "stop two", "start nginx", "start two", "start one"});
  CHECK(bench.rig.memory->open_steps()->empty());
}

TEST_CASE("a service that dies while it undoes goes on undoing, and undoes nothing twice") {
  for (std::uint64_t extra = 1; extra < 40; ++extra) {
    UndoBench bench(saga(kFails));
    auto& store = *bench.rig.store;
    store.on_commit(store.commits() + extra, FailingStore::When::kAfter,
                    [&] { store.fail_all(make_error(ErrorCode::kStorage, "killed")); });
    (void)bench.rig.post(Rig::group_of({bench.rig.fire()}));
    bool is_dead = false;
    bench.rig.run_until([&] {
      const auto all = bench.rig.incidents();
      is_dead = store.commits() >= extra + 1 && bench.rig.clock.sleepers() > 0;
      return is_dead || (!all.empty() && is_terminal(all.front().state));
    });
    bench.rig.kill();
    bench.rig.start();
    if (bench.rig.incidents().empty()) continue;
    CAPTURE(extra);
    const Incident failed = bench.rig.run_to(IncidentState::kFailed);
    CHECK(failed.reason == "step_failed");
    CHECK(bench.is_running("one"));
    CHECK(bench.is_running("two"));
    CHECK(bench.rig.memory->open_steps()->empty());
    if (!is_dead) return;
  }
  FAIL("the service never lived to the end");
}

/// `what` with an undo on containers of Compose project shop, then a step that fails.
std::string then_fails(const std::string& what) {
  return "version: 1\nplaybook: restart-container\nmode: auto\nsteps:\n  - name: dep\n    " + what +
         "\n    target: container/local/one\n    undo: inverse\n  - name: bad\n    " + kFails +
         "\nverify:\n  within: 5s\n  consecutive: 1\n  all: [{check: health}]\nstay_healthy: 30s\n";
}

TEST_CASE("what was so before the step is not undone, also when the step's answer was lost") {
  const Error lost = make_error(ErrorCode::kTimeout, "timed out");
  SECTION("started already") {
    UndoBench bench(then_fails("docker.start: {}"));
    bench.rig.engine->lose_answer_of_next("start", lost);
    bench.fire();
    bench.rig.run_to(IncidentState::kFailed);
    CHECK(bench.is_running("one"));
  }
  SECTION("stopped already") {
    UndoBench bench(then_fails("docker.stop: {grace: 1s}"));
    bench.rig.engine->crash("one", 0);
    bench.rig.engine->lose_answer_of_next("stop", lost);
    bench.fire();
    bench.rig.run_to(IncidentState::kFailed);
    CHECK(!bench.is_running("one"));
  }
}

TEST_CASE("a step that failed half-way is undone as far as it went") {
  UndoBench bench(then_fails("compose.stop: {grace: 1s}"));
  bench.rig.engine->fail_next("stop", make_error(ErrorCode::kInternal, "cannot stop"));
  bench.fire();
  const Incident failed = bench.rig.run_to(IncidentState::kFailed);
  CHECK(failed.message.find("undone: dep") != std::string::npos);
  CHECK(bench.is_running("one"));
  CHECK(bench.is_running("two"));
}

TEST_CASE("a step that took two tries is undone to what the first one found") {
  UndoBench bench(then_fails("compose.stop: {grace: 1s}\n    retry: {attempts: 2, backoff: 1s}"));
  bench.rig.engine->fail_next("stop", make_error(ErrorCode::kInternal, "cannot stop"));
  bench.fire();
  CHECK(bench.rig.run_to(IncidentState::kFailed).message.find("undone: dep") != std::string::npos);
  CHECK(bench.is_running("one"));
  CHECK(bench.is_running("two"));
}

TEST_CASE("pauses between tries double, up to five minutes") {
  const playbook::Retry retry{100, 1s};
  CHECK(retry.pause_after(1) == 1s);
  CHECK(retry.pause_after(3) == 4s);
  CHECK(retry.pause_after(99) == 5min);
  CHECK(playbook::Retry{3, 10min}.pause_after(2) == 10min);
}

}  // namespace
}  // namespace heal::remedy::test
