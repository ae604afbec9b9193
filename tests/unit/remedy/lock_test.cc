#include <catch2/catch.hpp>

#include "common/remedy/ledger.h"
#include "common/remedy/record.h"
#include "common/sim/fake_clock.h"
#include "common/sim/memory_store.h"
#include "common/sim/sequence_random.h"

namespace heal::remedy::test {
namespace {

/// Two incidents in a ledger whose steps touch the same service.
struct LockBench {
  LockBench() {
    begin("a", "container/local/web1");
    begin("b", "container/local/web2");
    REQUIRE(ledger.commit().has_value());
  }

  void begin(const std::string& id, const std::string& target) {
    Incident incident;
    incident.id = id;
    incident.target = TargetId::parse(target).value();
    incident.state = IncidentState::kExecuting;
    incident.attempt = 1;
    incident.playbook = "mend";
    ledger.begin(incident);
    ledger.edit(id).progress.locks = {target};
  }
  void take_shared(const std::string& id) {
    ledger.edit(id).progress.locks.emplace_back("service/shared");
    ledger.lease_locks(id, 5min);
    REQUIRE(ledger.commit().has_value());
  }
  Status step(const std::string& id, const std::string& step_id) {
    StepIntent intent;
    intent.kind = "docker.restart";
    intent.step = {id, step_id, clock.now(), "{}"};
    const Status status = record_intent(ledger, intent, std::nullopt);
    REQUIRE(ledger.commit().has_value());
    return status;
  }

  FakeClock clock;
  SequenceRandom random;
  MemoryStore store;
  Metrics metrics{"heal_webhook"};
  Ledger ledger{store, clock, random, Logger::none(), RemedyMetrics(metrics), 4};
};

const std::vector<std::string> kShared{"service/shared"};

TEST_CASE("a lock holds while its run shows life, and is anybody's after its time to live") {
  LockBench bench;
  bench.take_shared("a");
  CHECK(bench.ledger.holders(kShared, "b") == std::map<std::string, std::string>{{"service/shared", "a"}});
  bench.clock.advance(4min);
  CHECK(bench.step("a", "1/0/restart/1").has_value());
  bench.clock.advance(4min);
  CHECK(!bench.ledger.holders(kShared, "b").empty());
  bench.clock.advance(1min);
  CHECK(bench.ledger.holders(kShared, "b").empty());
}

TEST_CASE("a clock that is set makes no lock run out") {
  LockBench bench;
  bench.take_shared("a");
  bench.clock.set_now(bench.clock.now() + 24h);
  CHECK(!bench.ledger.holders(kShared, "b").empty());
}

TEST_CASE("a run whose lock ran out goes on when nobody has taken it") {
  LockBench bench;
  bench.take_shared("a");
  bench.clock.advance(6min);
  CHECK(bench.step("a", "1/0/restart/1").has_value());
  CHECK(!bench.ledger.holders(kShared, "b").empty());
}

TEST_CASE("a stale holder cannot act: its lock ran out and another has taken it") {
  LockBench bench;
  bench.take_shared("a");
  bench.clock.advance(6min);
  bench.take_shared("b");
  const Status refused = bench.step("a", "1/0/restart/1");
  CHECK(refused.error().code() == ErrorCode::kCancelled);
  CHECK(refused.error().message() == "its lock ran out, and incident b has taken service/shared");
  CHECK(bench.store.open_steps().value().empty());
  const Incident a = bench.store.incident("a").value().value();
  CHECK(a.state == IncidentState::kInterrupted);
  CHECK(a.reason == "lock_lost");
  CHECK(bench.step("b", "1/0/restart/1").has_value());
}

TEST_CASE("a run of an earlier attempt cannot act") {
  LockBench bench;
  bench.take_shared("a");
  bench.ledger.edit("a").incident.attempt = 2;
  REQUIRE(bench.ledger.commit().has_value());
  CHECK(bench.step("a", "1/0/restart/1").error().message() == "attempt 1 of incident a is over");
  CHECK(bench.store.open_steps().value().empty());
  CHECK(bench.store.incident("a").value()->state == IncidentState::kExecuting);
  CHECK(bench.step("a", "2/0/restart/1").has_value());
}

}  // namespace
}  // namespace heal::remedy::test
