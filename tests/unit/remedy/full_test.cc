// A disk that is full but for its reserve: what runs is recorded, nothing is begun.
#include <catch2/catch.hpp>

#include "common/remedy/words.h"
#include "tests/unit/remedy/rig.h"

namespace heal::remedy::test {
namespace {

const Error kFull(ErrorCode::kStorage, "the disk is full");

TEST_CASE("a heal that was accepted before the disk was full waits until there is room") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  rig.store->on_commit(rig.store->commits() + 1, FailingStore::When::kAfter, [&] { rig.store->refuse_new(kFull); });
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  const Incident held = rig.run_to(IncidentState::kHeld);
  CHECK(held.reason == words::kStoreFull);
  CHECK(held.message == "what would be done might not be recorded: the disk is full");
  const WallTime later = rig.clock.now() + 5min;
  rig.run_until([&] { return rig.clock.now() >= later; });
  CHECK(rig.newest().state == IncidentState::kHeld);
  CHECK(rig.changes().empty());
  rig.store->refuse_new(std::nullopt);
  rig.run_to(IncidentState::kRecovered);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("what runs when the disk becomes full goes on to its end and is recorded") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  REQUIRE(rig.post(Rig::group_of({rig.fire()})).has_value());
  rig.await([&] { return !rig.changes().empty(); });
  rig.store->refuse_new(kFull);
  const Incident healed = rig.run_to(IncidentState::kClosed);
  CHECK(healed.times.verified_at);
  CHECK(rig.changes().size() == 1);
}

TEST_CASE("what a person asks for is refused with the reason while the disk is full, and nothing is written") {
  Rig rig;
  rig.engine->crash("nginx", 1);
  HealRequest request;
  request.playbook = "restart-container";
  request.target = TargetId::parse("container/local/nginx").value();
  request.by = "ada";
  rig.store->refuse_new(kFull);
  const auto commits = rig.store->commits();
  const auto refused = rig.heal(request);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().str() == kFull.str());
  CHECK(rig.store->commits() == commits);
  CHECK(rig.incidents().empty());
  CHECK(rig.changes().empty());
  request.dry_run = HealRequest::Rehearse::kYes;
  const auto rehearsed = rig.heal(request);
  REQUIRE(rehearsed.has_value());
  CHECK(rehearsed->reason == words::kStoreFull);
}

TEST_CASE("every notification that a full disk keeps out is counted, as one of its source and as a store error") {
  Rig rig;
  rig.store->refuse_new(kFull);
  const Alert one = rig.fire();
  Alert two = one;
  two.labels["instance"] = "b";
  two.fingerprint = fingerprint_of(two.labels);
  REQUIRE_FALSE(rig.post(Rig::group_of({one, two})).has_value());
  REQUIRE_FALSE(rig.post(Rig::group_of({one})).has_value());
  const std::string metrics = rig.metrics.expose();
  CHECK(metrics.find("heal_journal_errors_total 2\n") != std::string::npos);
  CHECK(metrics.find("heal_events_received_total{result=\"store_error\",source=\"alertmanager\"} 3\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace heal::remedy::test
