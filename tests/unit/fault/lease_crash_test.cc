// The service dies before or after each of its writes; whatever happens, the fault is undone by its deadline.

#include <catch2/catch.hpp>

#include "common/sim/failing_store.h"
#include "tests/unit/fault/drill_site.h"

namespace heal::fault {
namespace {

using test::DrillSite;
using test::kWeb;

struct Crash {};

/// Injects a fault and lets it end, on a store on which the service dies at the n-th write. True when it died.
bool dies_at_write(DrillSite& site, const std::string& kind, std::uint64_t n, FailingStore::When when) {
  FailingStore store(site.store);
  store.on_commit(n, when, [] { throw Crash(); });
  auto keeper = site.keeper_on(store);
  try {
    (void)keeper->inject({kind, kWeb, 30s, "ops"}, {});
    site.clock.advance(30s);
    keeper->revert_due({});
  } catch (const Crash&) {
    return true;
  }
  return false;
}

void run_until_idle(DrillSite& site, LeaseKeeper& keeper) {
  while (const auto next = keeper.revert_due({}))
    site.clock.advance(*next - site.clock.steady_now());
}

TEST_CASE("a fault does not outlive its deadline, wherever the service dies") {
  const auto kind = GENERATE(as<std::string>(), "stop", "kill", "crash", "pause", "partition");
  const auto when = GENERATE(FailingStore::When::kBefore, FailingStore::When::kAfter);
  CAPTURE(kind);
  std::uint64_t n = 1;
  for (bool died = true; died; ++n) {
    CAPTURE(n);
    DrillSite site;
    const ContainerInfo before = site.web();
    const SteadyTime began = site.clock.steady_now();
    died = dies_at_write(site, kind, n, when);

    auto keeper = site.keeper();
    run_until_idle(site, *keeper);
    CHECK(site.web().status == "running");
    CHECK(site.web().networks == before.networks);
    CHECK(site.clock.steady_now() - began <= 30s + LeaseOptions().settle);
    for (const FaultLease& lease : keeper->list())
      CHECK(lease.state == FaultLease::State::kReverted);
    CHECK(site.store->leases().value() == keeper->list());
    CHECK(keeper->inject({kind, kWeb, {}, ""}, {}));
  }
  // intended, applied, reverting, reverted: it died at each of them, and then it did not.
  CHECK(n - 1 == 5);
}

TEST_CASE("a fault is undone when the service dies at each write, again and again") {
  DrillSite site;
  for (std::uint64_t n = 1; n <= 4; ++n)
    dies_at_write(site, "stop", n, FailingStore::When::kAfter);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    FailingStore store(site.store);
    store.on_commit(n, FailingStore::When::kBefore, [] { throw Crash(); });
    auto keeper = site.keeper_on(store);
    try {
      run_until_idle(site, *keeper);
    } catch (const Crash&) {
    }
  }
  auto keeper = site.keeper();
  run_until_idle(site, *keeper);
  CHECK(site.web().status == "running");
}

}  // namespace
}  // namespace heal::fault
