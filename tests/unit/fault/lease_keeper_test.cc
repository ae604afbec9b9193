#include "common/fault/lease_keeper.h"

#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>

#include "common/sim/failing_store.h"
#include "tests/unit/fault/drill_site.h"

namespace heal::fault {
namespace {

using test::DrillSite;
using test::kWeb;
using State = FaultLease::State;
using Verbs = std::vector<std::string>;

const Error kGone(ErrorCode::kUnavailable, "engine not reachable");

TEST_CASE("a fault lasts until its deadline, then the container is as before") {
  struct Case {
    const char* kind;
    const char* broken_status;
    Verbs verbs;
  };
  const auto c = GENERATE(values<Case>({
      {"stop", "exited", {"stop", "start"}},
      {"kill", "exited", {"kill", "start"}},
      {"crash", "exited", {"start"}},
      {"pause", "paused", {"pause", "unpause"}},
      {"partition", "running", {"disconnect_network", "disconnect_network", "connect_network", "connect_network"}},
  }));
  CAPTURE(c.kind);
  DrillSite site;
  const ContainerInfo before = site.web();
  auto keeper = site.keeper();
  const auto lease = keeper->inject({c.kind, kWeb, 30s, "ops"}, {}).value();
  CHECK(lease.state == State::kApplied);
  CHECK(lease.deadline - lease.injected_at == 30s);
  CHECK(site.web().status == c.broken_status);
  CHECK(site.web().networks.empty() == (lease.kind == "partition"));
  CHECK(site.store->leases().value() == std::vector{lease});

  site.clock.advance(29s);
  keeper->revert_due({});
  CHECK(site.web().status == c.broken_status);
  site.clock.advance(1s);
  CHECK(keeper->revert_due({}) == std::nullopt);
  CHECK(site.web().status == "running");
  CHECK(site.web().networks == before.networks);
  CHECK(site.changes() == c.verbs);
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(site.store->leases().value() == keeper->list());
}

TEST_CASE("a fault that was healed before its lease ended makes way for a new one") {
  DrillSite site;
  auto keeper = site.keeper();
  const auto first = keeper->inject({"kill", kWeb, 60s, "ops"}, {}).value();
  site.clock.advance(1s);
  REQUIRE(site.engine->start("web", site.clock.deadline_in(5s), {}));
  const auto second = keeper->inject({"pause", kWeb, 60s, "ops"}, {}).value();
  CHECK(site.web().status == "paused");
  CHECK(keeper->list().at(0).id == first.id);
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(keeper->list().at(1) == second);
  CHECK(site.changes() == Verbs{"kill", "start", "pause"});
}

TEST_CASE("each change of a lease is an entry of the journal") {
  DrillSite site;
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"stop", kWeb, {}, "ops"}, {}));
  REQUIRE(keeper->revert_target(kWeb, {}));
  std::string told;
  const auto entries = site.store->entries_after(0, 10).value();
  for (const TimelineEntry& entry : entries)
    told += entry.kind + ": " + entry.message + "\n";
  CHECK(told ==
        "fault: fault stop on container/local/web intended\n"
        "fault: fault stop on container/local/web applied\n"
        "fault: fault stop on container/local/web reverting\n"
        "fault: fault stop on container/local/web reverted\n");
}

TEST_CASE("a request that cannot be granted touches nothing and says why") {
  struct Case {
    FaultRequest request;
    std::string error;
  };
  const auto c = GENERATE(values<Case>({
      {{"explode", kWeb, {}, ""},
       "invalid: unknown fault \"explode\", expected one of stop, kill, crash, pause, partition, dependency, unseen, "
       "loss, http-errors, bandwidth, latency, corrupt, duplicate, reorder, cpu, memory, pids, disk, silence"},
      {{"stop", kWeb, 0s, ""}, "invalid: a fault may last from 1ms to 30m, not 0s"},
      {{"stop", kWeb, 31min, ""}, "invalid: a fault may last from 1ms to 30m, not 31m"},
      {{"stop", {"unit", "", "nginx"}, {}, ""}, "invalid: only containers can be broken, not unit/nginx"},
      {{"stop", {"container", "far", "web"}, {}, ""}, "not_found: no engine \"far\" is configured"},
      {{"stop", {"container", "local", "db"}, {}, ""},
       "refused: container db may not be broken: it has no label heal.simulate=allow"},
      {{"stop", {"container", "local", "idle"}, {}, ""}, "conflict: container idle is created, not running"},
      {{"partition", {"container", "local", "alone"}, {}, ""},
       "conflict: container alone has no network of its own (mode none)"},
  }));
  CAPTURE(c.error);
  DrillSite site;
  SimContainer other;
  other.name = "db";
  site.engine->add(other);
  other.labels = {{"heal.simulate", "allow"}};
  other.name = "idle";
  site.engine->create(other);
  other.name = "alone";
  other.networks = {"none"};
  site.engine->add(other);
  site.engine->forget_calls();
  auto keeper = site.keeper();
  const auto describe = [](const Error& error) { return std::string(to_string(error.code())) + ": " + error.str(); };
  const auto checked = keeper->check(c.request, {});
  REQUIRE_FALSE(checked);
  CHECK(describe(checked.error()) == c.error);
  const auto injected = keeper->inject(c.request, {});
  REQUIRE_FALSE(injected);
  CHECK(describe(injected.error()) == c.error);
  CHECK(site.changes() == Verbs{});
  CHECK(keeper->list().empty());
  CHECK(site.store->entries_after(0, 10).value().empty());
}

TEST_CASE("a container that ignores its signal is stopped well before the fault is to end") {
  const std::map<Duration, std::string> grace_of{{60s, "10s"}, {4s, "2s"}, {3s, "1s"}, {1s, "0s"}};
  for (const auto& [ttl, grace] : grace_of) {
    DrillSite site;
    auto keeper = site.keeper();
    REQUIRE(keeper->inject({"stop", kWeb, ttl, "ops"}, {}));
    std::string given;
    for (const SimEngineCall& call : site.engine->calls())
      if (call.verb == "stop") given = call.argument;
    CHECK(given == grace);
  }
}

TEST_CASE("the time of a fault begins when it is injected, not while it is looked whether it can be") {
  DrillSite site;
  auto keeper = site.keeper();
  site.engine->set_delay("inspect", 8s);
  const WallTime asked = site.clock.now();
  const auto lease = keeper->inject({"pause", kWeb, 30s, "ops"}, {}).value();
  CHECK(lease.injected_at == asked + 8s);
  CHECK(lease.deadline == asked + 38s);
  CHECK(*keeper->revert_due({}) - site.clock.steady_now() == 30s);
  CHECK(site.store->leases().value() == std::vector{lease});
}

TEST_CASE("a fault that came into force after it was to end is undone and never called applied") {
  DrillSite site;
  auto keeper = site.keeper();
  site.engine->set_delay("stop", 5s);
  const auto injected = keeper->inject({"stop", kWeb, 4s, "ops"}, {});
  REQUIRE_FALSE(injected);
  CHECK(injected.error().str() ==
        "fault stop took as long to come into force as it was to last: it is undone again, give it longer");
  CHECK(site.web().status == "running");
  const auto entries = site.store->entries_after(0, 100).value();
  for (const auto& entry : entries)
    CHECK(entry.message.find("applied") == std::string::npos);
}

TEST_CASE("a container that removes itself when it ends is not ended: nothing could bring it back") {
  DrillSite site;
  ContainerSpec spec;
  spec.name = "fleeting";
  spec.image = "sim/image:1";
  spec.labels = {{"heal.simulate", "allow"}};
  REQUIRE(site.engine->run(spec, site.clock.deadline_in(5s), {}));
  site.engine->forget_calls();
  const TargetId target{"container", "local", "fleeting"};
  auto keeper = site.keeper();
  for (const char* kind : {"stop", "kill", "crash"}) {
    CAPTURE(kind);
    const auto refused = keeper->inject({kind, target, 30s, "ops"}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == ErrorCode::kRefused);
    CHECK(
        refused.error().str() ==
        fmt::format("container fleeting removes itself when it ends (--rm): nothing would be left that fault {} could "
                    "start again",
                    kind));
  }
  CHECK(site.changes() == Verbs{});
  CHECK(keeper->inject({"pause", target, 30s, "ops"}, {}));
}

TEST_CASE("a target bears one fault at a time") {
  DrillSite site;
  auto keeper = site.keeper();
  const auto first = keeper->inject({"pause", kWeb, {}, ""}, {}).value();
  const auto second = keeper->inject({"stop", kWeb, {}, ""}, {});
  REQUIRE_FALSE(second);
  CHECK(second.error().str() == "fault " + first.id + " (pause) is on container/local/web already");
  REQUIRE(keeper->revert(first.id, {}));
  CHECK(keeper->inject({"stop", kWeb, {}, ""}, {}));
}

TEST_CASE("undoing a fault that was healed meanwhile touches nothing") {
  const auto kind = GENERATE("stop", "kill", "crash", "pause");
  CAPTURE(kind);
  DrillSite site;
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({kind, kWeb, {}, ""}, {}));
  site.clock.advance(1s);
  REQUIRE(site.engine->restart("web", 0s, site.clock.deadline_in(60s), {}));
  site.engine->forget_calls();
  const auto healed = site.web();
  CHECK(keeper->revert_target(kWeb, {}).value()->state == State::kReverted);
  CHECK(site.changes() == Verbs{});
  CHECK(site.web().started_at == healed.started_at);
}

TEST_CASE("what somebody stopped or paused after the heal stays so") {
  DrillSite site;
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"stop", kWeb, {}, ""}, {}));
  site.clock.advance(1s);
  REQUIRE(site.engine->start("web", site.clock.deadline_in(60s), {}));
  REQUIRE(site.engine->stop("web", 0s, site.clock.deadline_in(60s), {}));
  CHECK(keeper->revert_target(kWeb, {}).value()->state == State::kReverted);
  CHECK(site.web().status == "exited");
}

TEST_CASE("a container that was made anew is not under the fault") {
  DrillSite site;
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"partition", kWeb, {}, ""}, {}));
  REQUIRE(site.engine->remove("web", site.clock.deadline_in(60s), {}));
  SimContainer anew;
  anew.name = "web";
  anew.networks = {};
  site.engine->add(anew);
  site.engine->forget_calls();
  CHECK(keeper->revert_target(kWeb, {}).value()->state == State::kReverted);
  CHECK(site.changes() == Verbs{});
}

TEST_CASE("a fault is undone once, however often it is asked for") {
  DrillSite site;
  auto keeper = site.keeper();
  const auto lease = keeper->inject({"pause", kWeb, {}, ""}, {}).value();
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(site.changes() == Verbs{"pause", "unpause"});
  CHECK(keeper->revert("nonsense", {}).error().str() == "no fault nonsense");
  CHECK(keeper->revert_target(kWeb, {}).value() == std::nullopt);
}

TEST_CASE("an engine that hears late of the pause does not make its undo fail") {
  DrillSite site;
  std::vector<State> seen;
  LeaseOptions options;
  options.on_change = [&](const FaultLease& lease) { seen.push_back(lease.state); };
  auto keeper = site.keeper(options);
  const auto lease = keeper->inject({"pause", kWeb, {}, ""}, {}).value();
  const auto lag = GENERATE(500ms, 1900ms);
  site.engine->hear_late_of_pauses(lag);
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(seen == std::vector{State::kIntended, State::kApplied, State::kReverting, State::kReverted});
  CHECK(site.changes() == Verbs{"pause", "unpause"});
}

TEST_CASE("a container that stays paused for longer than hearsay does is told as such") {
  DrillSite site;
  auto keeper = site.keeper();
  const auto lease = keeper->inject({"pause", kWeb, {}, ""}, {}).value();
  site.engine->hear_late_of_pauses(1h);
  CHECK(keeper->revert(lease.id, {}).error().str() == "container web is still paused");
  CHECK(keeper->list().at(0).state == State::kRevertFailed);
}

TEST_CASE("an undo that fails is shown and tried again with growing pauses until it succeeds") {
  DrillSite site;
  std::vector<State> seen;
  LeaseOptions options;
  options.on_change = [&](const FaultLease& lease) { seen.push_back(lease.state); };
  auto keeper = site.keeper(options);
  const auto lease = keeper->inject({"pause", kWeb, 10s, ""}, {}).value();
  site.engine->go_away();
  site.clock.advance(10s);
  std::vector<Duration> pauses;
  for (int i = 0; i < 7; ++i) {
    const auto next = keeper->revert_due({});
    REQUIRE(next);
    pauses.push_back(*next - site.clock.steady_now());
    site.clock.advance(pauses.back());
  }
  CHECK(pauses == std::vector<Duration>{1s, 2s, 4s, 8s, 16s, 30s, 30s});
  const auto shown = keeper->list().at(0);
  CHECK(shown.state == State::kRevertFailed);
  CHECK_FALSE(shown.last_error.empty());
  CHECK(site.store->leases().value() == std::vector{shown});

  site.engine->come_back();
  CHECK(keeper->revert_due({}) == std::nullopt);
  CHECK(site.web().status == "running");
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(keeper->list().at(0).last_error.empty());
  CHECK(seen ==
        std::vector{State::kIntended, State::kApplied, State::kReverting, State::kRevertFailed, State::kReverted});
}

TEST_CASE("one network that cannot come back does not keep the others away") {
  DrillSite site;
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"partition", kWeb, {}, ""}, {}));
  site.engine->fail_next("connect_network", Error(ErrorCode::kNotFound, "network back not found"));
  CHECK(keeper->revert_target(kWeb, {}).error().str() == "network back: network back not found");
  CHECK(site.web().networks.count("front") == 1);
  CHECK(keeper->revert_target(kWeb, {}).value()->state == State::kReverted);
  CHECK(site.web().networks.size() == 2);
}

TEST_CASE("a fault that could not be injected is taken back") {
  DrillSite site;
  auto keeper = site.keeper();
  site.engine->fail_next("disconnect_network", Error(ErrorCode::kConflict, "busy"));
  CHECK(keeper->inject({"partition", kWeb, {}, ""}, {}).error().str() == "busy");
  CHECK(site.web().networks.size() == 2);
  CHECK(keeper->list().at(0).state == State::kReverted);
}

TEST_CASE("when the engine's answer was lost the undo is looked at again, for the engine may go on") {
  DrillSite site;
  auto keeper = site.keeper();
  // The engine is slower than its caller: nothing is broken yet when the caller gives up and undoes.
  site.engine->fail_next("stop", Error(ErrorCode::kTimeout, "no answer in time"));
  CHECK(keeper->inject({"stop", kWeb, {}, ""}, {}).error().str() == "no answer in time");
  CHECK(keeper->list().at(0).state == State::kReverting);
  REQUIRE(site.engine->stop("web", 0s, site.clock.deadline_in(60s), {}));
  const auto next = keeper->revert_due({});
  REQUIRE(next);
  CHECK(*next - site.clock.steady_now() == 15s);
  site.clock.advance(15s);
  CHECK(keeper->revert_due({}) == std::nullopt);
  CHECK(keeper->list().at(0).state == State::kReverted);
  CHECK(site.web().status == "running");
}

TEST_CASE("nothing is touched when the lease cannot be written") {
  DrillSite site;
  FailingStore store(site.store);
  store.fail_commit(1, Error(ErrorCode::kStorage, "no space left on the disk"));
  auto keeper = site.keeper_on(store);
  CHECK(keeper->inject({"stop", kWeb, {}, ""}, {}).error().str() == "no space left on the disk");
  CHECK(site.changes() == Verbs{});
  CHECK(keeper->list().empty());
  CHECK(keeper->inject({"stop", kWeb, {}, ""}, {}));
}

TEST_CASE("a fault whose application cannot be written is taken back, and the store catches up") {
  DrillSite site;
  FailingStore store(site.store);
  auto keeper = site.keeper_on(store);
  for (const std::uint64_t n : {2U, 3U, 4U})
    store.fail_commit(n, Error(ErrorCode::kStorage, "no space left on the disk"));
  CHECK(keeper->inject({"stop", kWeb, {}, ""}, {}).error().str() == "no space left on the disk");
  CHECK(site.web().status == "running");
  CHECK(keeper->list().at(0).state == State::kRevertFailed);
  site.clock.advance(1s);
  CHECK(keeper->revert_due({}) == std::nullopt);
  CHECK(site.store->leases().value().at(0).state == State::kReverted);
  CHECK(site.changes() == Verbs{"stop", "start"});
}

TEST_CASE("all faults are undone at once when asked for") {
  DrillSite site;
  site.add_db();
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"pause", kWeb, {}, ""}, {}));
  REQUIRE(keeper->inject({"kill", {"container", "local", "db"}, {}, ""}, {}));
  const auto leases = keeper->revert_all({});
  REQUIRE(leases.size() == 2);
  CHECK(leases[0].state == State::kReverted);
  CHECK(leases[1].state == State::kReverted);
  CHECK(site.web().status == "running");
}

TEST_CASE("a fault that is being injected is undone too by those who undo all") {
  DrillSite site;
  std::unique_ptr<LeaseKeeper> keeper;
  std::vector<FaultLease> undone;
  std::jthread undoing;
  auto tools = site.tools(*site.store);
  tools.engine = [&, asked = std::make_shared<std::once_flag>()](const std::string&) {
    std::call_once(*asked, [&] {
      std::promise<void> begun;
      undoing = std::jthread([&] {
        begun.set_value();
        undone = keeper->revert_all({});
      });
      begun.get_future().wait();
    });
    return site.engine;
  };
  keeper = LeaseKeeper::open(std::move(tools), {}).value();
  const auto lease = keeper->inject({"pause", kWeb, {}, ""}, {}).value();
  undoing.join();
  REQUIRE(undone.size() == 1);
  CHECK(undone[0].id == lease.id);
  CHECK(undone[0].state == State::kReverted);
  CHECK(site.web().status == "running");
}

TEST_CASE("the end of the service undoes all within its deadline, whatever the engine does, and injects no more") {
  DrillSite site;
  site.add_db();
  auto keeper = site.keeper();
  REQUIRE(keeper->inject({"pause", kWeb, {}, ""}, {}));
  REQUIRE(keeper->inject({"pause", {"container", "local", "db"}, {}, ""}, {}));
  const SteadyTime start = site.clock.steady_now();
  SECTION("a quick engine") {
    keeper->close(start + 10s);
    CHECK(site.web().status == "running");
    for (const FaultLease& lease : keeper->list())
      CHECK(lease.state == State::kReverted);
  }
  SECTION("an engine that takes longer than there is time") {
    site.engine->set_delay("unpause", 20s);
    keeper->close(start + 10s);
    CHECK(site.clock.steady_now() - start == 10s);
    const auto leases = site.store->leases().value();
    for (const FaultLease& lease : leases)
      CHECK(lease.state != State::kReverted);
  }
  CHECK(keeper->inject({"pause", kWeb, {}, ""}, {}).error().str() == "the service is stopping");
}

TEST_CASE("after a restart an applied fault is undone at its deadline, even if the clock was set back") {
  DrillSite site;
  REQUIRE(site.keeper()->inject({"pause", kWeb, 10min, ""}, {}));
  site.clock.advance(4min);
  SECTION("the clock is right") {
    auto keeper = site.keeper();
    CHECK(*keeper->revert_due({}) - site.clock.steady_now() == 6min);
    site.clock.advance(6min);
    CHECK(keeper->revert_due({}) == std::nullopt);
    CHECK(site.web().status == "running");
  }
  SECTION("the clock was set back by a day") {
    site.clock.set_now(site.clock.now() - 24h);
    auto keeper = site.keeper();
    CHECK(*keeper->revert_due({}) - site.clock.steady_now() == 10min);
  }
}

/// A keeper that runs by a clock that stands still until the test moves it, with a container "web" on each of two
/// engines.
struct TwoEngines {
  TwoEngines() {
    SimContainer web;
    web.name = "web";
    web.labels = {{"heal.simulate", "allow"}};
    near->add(web);
    far->add(web);
    LeaseOptions options;
    options.on_change = [this](const FaultLease& lease) {
      MutexLock lock(mutex);
      states[lease.target.engine] = lease.state;
      changed.notify_all();
    };
    const auto engine = [this](const std::string& name) { return name == "far" ? far : near; };
    keeper = LeaseKeeper::open({store, clock, random, processes, engine}, options).value();
    loop = std::jthread([this](std::stop_token stop) { keeper->run(stop); });
  }
  bool comes_back(const std::string& engine) {
    MutexLock lock(mutex);
    return changed.wait_for(mutex, 60s, [&] { return states[engine] == State::kReverted; });
  }

  FakeClock clock;
  std::shared_ptr<SimContainerEngine> near = std::make_shared<SimContainerEngine>(clock);
  std::shared_ptr<SimContainerEngine> far = std::make_shared<SimContainerEngine>(clock);
  SimHostProcesses processes{*near};
  SequenceRandom random;
  MemoryStore store;
  Mutex mutex;
  CondVar changed;
  std::map<std::string, State> states;
  std::unique_ptr<LeaseKeeper> keeper;
  std::jthread loop;
};

TEST_CASE("an engine that hangs does not keep the faults on another one from being undone in time") {
  TwoEngines site;
  REQUIRE(site.keeper->inject({"pause", {"container", "far", "web"}, 10s, ""}, {}));
  REQUIRE(site.keeper->inject({"pause", {"container", "local", "web"}, 12s, ""}, {}));
  site.far->set_delay("unpause", 20s);
  site.far->forget_calls();
  site.clock.advance(10s);
  const auto is_asked = [&] {
    const auto calls = site.far->calls();
    return std::any_of(calls.begin(), calls.end(), [](const auto& call) { return call.verb == "unpause"; });
  };
  while (!is_asked())
    std::this_thread::yield();
  site.clock.wait_for_sleepers(LeaseOptions().undoers);
  site.clock.advance(2s);
  CHECK(site.comes_back("local"));
  CHECK(site.far->inspect("web", site.clock.deadline_in(5s), {}).value().status == "paused");
  site.clock.advance(18s);
  CHECK(site.comes_back("far"));
}

TEST_CASE("however many faults are due on an engine that hangs, somebody is left to undo those on another one") {
  TwoEngines site;
  for (int i = 0; i < 6; ++i) {
    SimContainer more;
    more.name = fmt::format("web{}", i);
    more.labels = {{"heal.simulate", "allow"}};
    site.far->add(more);
    REQUIRE(site.keeper->inject({"pause", {"container", "far", more.name}, 10s, ""}, {}));
  }
  REQUIRE(site.keeper->inject({"pause", {"container", "local", "web"}, 12s, ""}, {}));
  site.far->set_delay("unpause", 20s);
  site.far->forget_calls();
  site.clock.advance(10s);
  const auto asked = [&] {
    const auto calls = site.far->calls();
    return std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call.verb == "unpause"; });
  };
  while (asked() < 2)
    std::this_thread::yield();
  site.clock.wait_for_sleepers(LeaseOptions().undoers);
  CHECK(asked() == 2);
  site.clock.advance(2s);
  CHECK(site.comes_back("local"));
  const auto is_over = [](const FaultLease& lease) { return lease.state == State::kReverted; };
  for (auto leases = site.keeper->list(); !std::all_of(leases.begin(), leases.end(), is_over);
       leases = site.keeper->list()) {
    site.clock.wait_for_sleepers(LeaseOptions().undoers);
    site.clock.advance(10s);
  }
}

TEST_CASE("the loop undoes a fault at its deadline, also one that came while it slept") {
  DrillSite site;
  FakeClock clock;
  LeaseOptions options;
  Mutex mutex;
  CondVar changed;
  State last = State::kIntended;
  options.on_change = [&](const FaultLease& lease) {
    MutexLock lock(mutex);
    last = lease.state;
    changed.notify_all();
  };
  auto tools = site.tools(*site.store);
  auto keeper = LeaseKeeper::open({tools.store, clock, tools.random, tools.processes, tools.engine}, options).value();
  std::jthread loop([&](std::stop_token stop) { keeper->run(stop); });
  clock.wait_for_sleepers(1);
  REQUIRE(keeper->inject({"pause", kWeb, 20s, ""}, {}));
  while (clock.next_wake() != clock.steady_now() + 20s)
    std::this_thread::yield();
  clock.advance(20s);
  MutexLock lock(mutex);
  while (last != State::kReverted)
    changed.wait(mutex);
  CHECK(site.web().status == "running");
}

}  // namespace
}  // namespace heal::fault
