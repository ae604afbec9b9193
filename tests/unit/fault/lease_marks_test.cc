// Faults whose lease is in no ledger that the keeper knows: found by the marks that their holders bear.

#include <thread>

#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace heal::fault
