// Faults whose lease is in no ledger that the keeper knows: found by the marks that their holders bear.

#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/failing_store.h"
#include "common/system/host_processes.h"
#include "tests/unit/fault/held_site.h"

namespace heal::fault {
namespace {

using test::HeldSite;
using test::kWeb;
using State = FaultLease::State;

/// A keeper that runs by a clock of its own, which stands still until the test moves it.
class RunningKeeper {
 public:
  explicit RunningKeeper(HeldSite& site) {
    LeaseOptions options;
    options.on_change = [this](const FaultLease& lease) {
      MutexLock lock(mutex_);
      last_ = lease.state;
      changed_.notify_all();
    };
    LeaseTools tools{ledger, clock, site.random, site.processes, [&site](const std::string&) { return site.engine; }};
    tools.holder.image = "promheal:local";
    tools.engines = [] { return std::vector<std::string>{"local"}; };
    keeper = LeaseKeeper::open(std::move(tools), std::move(options)).value();
    loop_ = std::jthread([this](std::stop_token stop) { keeper->run(stop); });
    clock.wait_for_sleepers(LeaseOptions().undoers);
  }

  void wait_for(State state) {
    MutexLock lock(mutex_);
    while (last_ != state)
      changed_.wait(mutex_);
  }

  FakeClock clock{FakeClock::Sleeping::kBlocks};
  MemoryStore ledger;
  std::unique_ptr<LeaseKeeper> keeper;

 private:
  Mutex mutex_;
  CondVar changed_;
  State last_ HEAL_GUARDED_BY(mutex_) = State::kIntended;
  std::jthread loop_;
};

std::size_t lists(HeldSite& site) {
  const auto calls = site.engine->calls();
  const auto is_list = [](const SimEngineCall& call) { return call.verb == "list"; };
  return static_cast<std::size_t>(std::count_if(calls.begin(), calls.end(), is_list));
}

TEST_CASE("a fault whose ledger is lost while the keeper runs is found again, and undone at its deadline") {
  const auto kind = GENERATE(as<std::string>(), "cpu", "pause");
  CAPTURE(kind);
  HeldSite site;
  RunningKeeper running(site);
  const auto lease = site.holding()->inject({kind, kWeb, 60s, "ops"}, {}).value();
  CHECK(running.keeper->list().empty());
  running.clock.advance(LeaseOptions().look_for_marks);
  running.wait_for(State::kApplied);
  CHECK(running.keeper->list() == std::vector{lease});
  CHECK(running.ledger.leases().value() == std::vector{lease});
  running.clock.wait_for_sleepers(LeaseOptions().undoers);
  CHECK(lists(site) == 2);
  running.clock.advance(lease.deadline - running.clock.now());
  running.wait_for(State::kReverted);
  CHECK(site.faults().empty());
  CHECK(site.web().status == "running");
}

TEST_CASE("an engine that hangs is not waited for as long as for an undo") {
  HeldSite site;
  auto keeper = site.holding();
  site.engine->set_delay("list", 1min);
  const SteadyTime begin = site.clock.steady_now();
  CHECK_FALSE(keeper->adopt_marks({}));
  CHECK(site.clock.steady_now() - begin == 5s);
}

TEST_CASE("a fault that was found by its mark ends with whoever holds it, and not before") {
  const auto kind = GENERATE(as<std::string>(), "cpu", "stop");
  CAPTURE(kind);
  HeldSite site;
  auto holding = site.holding();
  MemoryStore other;
  auto finding = site.holding(other);
  const auto lease = holding->inject({kind, kWeb, 60s, "ops"}, {}).value();
  CHECK(finding->adopt_marks({}));
  CHECK(finding->adopt_marks({}));
  CHECK(finding->list().at(0).state == State::kApplied);
  REQUIRE(holding->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(finding->adopt_marks({}));
  CHECK(finding->list().at(0).state == State::kReverted);
  CHECK(other.leases().value().at(0).state == State::kReverted);
}

std::string journal_of(Store& ledger) {
  std::string told;
  const auto entries = ledger.entries_after(0, 10).value();
  for (const TimelineEntry& entry : entries)
    told += entry.message + "\n";
  return told;
}

TEST_CASE("a fault that was found by its mark is in the journal") {
  HeldSite site;
  REQUIRE(site.holding()->inject({"cpu", kWeb, 30s, "ops"}, {}));
  MemoryStore other;
  auto finding = site.holding(other);
  CHECK(finding->adopt_marks({}));
  CHECK(journal_of(other) == "fault cpu on container/local/web applied, as its holder says\n");
}

TEST_CASE("a fault that was found by its mark is undone also when it cannot be written, and says so") {
  HeldSite site;
  REQUIRE(site.holding()->inject({"cpu", kWeb, 30s, "ops"}, {}));
  FailingStore full(std::make_shared<MemoryStore>());
  full.fail_commit(1, Error(ErrorCode::kStorage, "no space left on the disk"));
  auto finding = site.holding(full);
  CHECK(finding->adopt_marks({}));
  CHECK(finding->list().at(0).last_error == "no space left on the disk");
  site.clock.advance(30s);
  CHECK(finding->revert_due({}) == std::nullopt);
  CHECK(site.faults().empty());
  CHECK(full.leases().value() == finding->list());
}

TEST_CASE("a fault is found by its mark also after an upgrade") {
  HeldSite site;
  const auto lease = site.holding()->inject({"cpu", kWeb, 30s, "ops"}, {}).value();
  MemoryStore other;
  LeaseTools tools = site.tools(other);
  tools.engines = [] { return std::vector<std::string>{"local"}; };
  tools.holder.image = "promheal:local";
  SECTION("whose image has the same name") {
    site.engine->move_tag("promheal:local");
  }
  SECTION("whose image has another tag") {
    tools.holder.image = "promheal:next";
  }
  auto finding = LeaseKeeper::open(std::move(tools), {}).value();
  CHECK(finding->adopt_marks({}));
  CHECK(finding->list() == std::vector{lease});
}

/// A helper that has ended, and that nobody has taken away: lost-probe.
void leave_helper(HeldSite& site) {
  HolderOrder order;
  order.task = HolderOrder::Task::kProbe;
  order.kind = std::string(kMarkKind);
  order.lease = "lost";
  order.container = site.web().id;
  order.pid = 2;
  REQUIRE(site.engine->run(holder_spec("promheal:local", order, ""), site.clock.deadline_in(5s), {}));
}

bool is_there_after(HeldSite& site, LeaseKeeper& keeper, Duration time, const std::string& helper = "lost-probe") {
  site.clock.advance(time);
  CHECK(keeper.adopt_marks({}));
  return site.has_holder(helper);
}

TEST_CASE("a helper that nobody waits for any more is removed, and no other") {
  HeldSite site;
  auto keeper = site.holding();
  const auto lease = keeper->inject({"cpu", kWeb, 30min, "ops"}, {}).value();
  leave_helper(site);
  CHECK(is_there_after(site, *keeper, 0s));
  CHECK(is_there_after(site, *keeper, 5min));
  CHECK_FALSE(is_there_after(site, *keeper, 1s));
  CHECK(site.has_holder(lease.id));
}

TEST_CASE("a helper is not taken from its waiter because the engine's clock is another") {
  HeldSite site;
  auto keeper = site.holding();
  leave_helper(site);
  site.clock.set_now(site.clock.now() + 24h);
  CHECK(is_there_after(site, *keeper, 0s));
  CHECK(is_there_after(site, *keeper, 1min));
}

TEST_CASE("how long nobody has waited for a helper is counted from its end") {
  HeldSite site;
  auto keeper = site.holding();
  leave_helper(site);
  CHECK(is_there_after(site, *keeper, 0s));
  site.engine->on_run([](const ContainerSpec&, const ContainerInfo&) { return std::nullopt; });
  REQUIRE(site.engine->start("heal-fault-helper-lost-probe", site.clock.deadline_in(5s), {}));
  CHECK(is_there_after(site, *keeper, 1h));
  site.engine->crash("heal-fault-helper-lost-probe", 0);
  CHECK(is_there_after(site, *keeper, 0s));
  CHECK(is_there_after(site, *keeper, 5min));
  CHECK_FALSE(is_there_after(site, *keeper, 1s));
}

TEST_CASE("a stranger's container stays, whatever its label says") {
  const auto [name, image] = GENERATE(table<std::string, std::string>({
      {"backup", "promheal:local"},
      {"heal-fault-helper-theirs", "backup:1"},
      {"heal-fault-helper-theirs", "theirs/promheal:local"},
  }));
  CAPTURE(name, image);
  HeldSite site;
  auto keeper = site.holding();
  SimContainer stranger;
  stranger.name = name;
  stranger.image = image;
  stranger.labels = {{"heal.role", "fault-helper"}};
  site.engine->create(stranger);
  for (int i = 0; i < 5; ++i) {
    site.clock.advance(5min + 1s);
    CHECK(keeper->adopt_marks({}));
  }
  CHECK(site.engine->inspect(name, site.clock.deadline_in(5s), {}).has_value());
}

TEST_CASE("a probe that did not answer in time is taken away all the same") {
  HeldSite site;
  auto keeper = site.holding();
  site.engine->set_delay("wait", 1min);
  const auto refused = keeper->inject({"cpu", kWeb, 30s, "ops"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kTimeout);
  const auto left = site.engine->list(site.clock.deadline_in(5s), {}).value();
  CHECK(
      std::none_of(left.begin(), left.end(), [](const ContainerInfo& each) { return each.name.starts_with("heal-"); }));
}

TEST_CASE("a helper that kills and did not answer in time is taken away all the same") {
  HeldSite site;
  SystemHostProcesses processes{{"promheal:local"}};
  site.engine->set_delay("wait", 1min);
  const auto killed = processes.kill_main_process(*site.engine, site.web(), site.clock.deadline_in(5s), {});
  REQUIRE_FALSE(killed);
  CHECK(killed.error().code() == ErrorCode::kTimeout);
  CHECK(site.changes() == std::vector<std::string>{"run", "wait", "remove"});
}

}  // namespace
}  // namespace heal::fault
