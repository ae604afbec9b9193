// What every Store promises of retention: what is over and old goes, nothing else does, and the journal can be
// followed.

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "common/port/journal.h"
#include "tests/contract/store/store_fixtures.h"
#include "tests/contract/store/store_samples.h"

namespace heal {
namespace {

using test::at;
using test::entry;
using test::episode;
using test::incident;
using test::InMemory;
using test::OnDisk;
using enum IncidentState;

Incident closed(const std::string& id, std::int64_t detected, std::int64_t closed_at, IncidentState state = kClosed) {
  Incident out = incident(id, state, "web", detected);
  out.times.closed_at = at(closed_at);
  return out;
}

Episode resolved(const std::string& key, const std::string& incident_id, std::int64_t when) {
  Episode out = episode(key, incident_id, when);
  out.resolved_at = at(when + 1);
  return out;
}

TimelineEntry entry_at(const std::string& incident_id, std::int64_t seconds, const std::string& message = "told") {
  TimelineEntry out = entry(incident_id, message);
  out.at = at(seconds);
  return out;
}

SweepOrder before(std::int64_t seconds, std::size_t limit = 100) {
  SweepOrder order;
  order.before = at(seconds);
  order.now = at(90'000);
  order.limit = limit;
  return order;
}

/// Sweeps as the service does, step by step; what was taken in all.
Swept sweep_all(Store& store, SweepOrder order) {
  Swept all;
  for (int step = 0; step < 1000; ++step) {
    const Swept swept = store.sweep(order).value();
    all.incidents += swept.incidents;
    all.episodes += swept.episodes;
    all.entries += swept.entries;
    if (!swept.next) return all;
    order.after = swept.next;
  }
  FAIL("retention comes to no end");
  return all;
}

std::vector<std::string> ids_of(Store& store) {
  IncidentQuery query;
  query.limit = 1000;
  std::vector<std::string> ids;
  const auto incidents = store.incidents(query).value();
  for (const auto& each : incidents)
    ids.push_back(each.id);
  return ids;
}
using Ids = std::vector<std::string>;

TEMPLATE_TEST_CASE("what is over and old goes with its story; what is young stays", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  REQUIRE(store.commit({PutIncident{closed("old", 100, 200)}, PutEpisode{resolved("e1", "old", 100)},
                        PutEpisode{resolved("e2", "old", 110)}, AppendEntry{entry_at("old", 100)},
                        AppendEntry{entry_at("new", 150)}, AppendEntry{entry_at("old", 200)},
                        PutIncident{closed("new", 150, 5000)}, PutEpisode{resolved("e3", "new", 150)},
                        PutValue{"history/container/local/web", "{}"}}));
  CHECK(sweep_all(store, before(1000)) == Swept{1, 2, 2, std::nullopt});
  CHECK(ids_of(store) == Ids{"new"});
  CHECK(store.episode("e1").value() == std::nullopt);
  CHECK(store.episode("e3").value() == resolved("e3", "new", 150));
  CHECK(store.timeline("old").value().empty());
  CHECK(store.timeline("new").value().size() == 1);
  CHECK(store.value("history/container/local/web").value() == "{}");

  const auto journal = store.check_journal().value();
  CHECK(journal.first_altered == std::nullopt);
  CHECK(journal.first == 2);
  CHECK(journal.last == 4);
  CHECK(journal.entries == 2);
  const auto left = store.entries_after(0, 100).value();
  REQUIRE(left.size() == 2);
  CHECK(left[0].sequence == 2);
  CHECK(left[1].message ==
        "retention took 1 incident(s) closed before 1970-01-01T00:16:40.000Z, with 2 journal entries");

  CHECK(sweep_all(store, before(1000)) == Swept{});
  CHECK(store.check_journal().value() == journal);
}

TEMPLATE_TEST_CASE("of faults the old leases go, but for those that are not undone", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  using State = FaultLease::State;
  const auto left = test::lease("01", State::kRevertFailed, 100), young = test::lease("03", State::kReverted, 2000);
  REQUIRE(store.commit({PutLease{left}, PutLease{test::lease("02", State::kReverted, 200)}, PutLease{young},
                        AppendEntry{entry_at("", 200)}}));
  CHECK(sweep_all(store, before(1000)) == Swept{0, 0, 1, std::nullopt});
  CHECK(store.leases().value() == std::vector{left, young});
  CHECK(sweep_all(store, before(3000)) == Swept{});
  CHECK(store.leases().value() == std::vector{left});
  CHECK(store.check_journal().value().first_altered == std::nullopt);
}

TEMPLATE_TEST_CASE("no incident goes that is open, or whose alert fires, or whose step has no outcome", "", InMemory,
                   OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  REQUIRE(store.commit(
      {PutIncident{incident("open", kHeld, "a", 100)}, PutIncident{incident("executing", kExecuting, "b", 100)},
       PutIncident{closed("firing", 100, 200, kUnmatched)}, PutEpisode{episode("e1", "firing", 100)},
       PutIncident{closed("halfdone", 100, 200, kInterrupted)}, PutStepIntent{{"halfdone", "1/0/a/1", at(100), "{}"}},
       PutIncident{incident("untimed", kClosed, "c", 100)}, AppendEntry{entry_at("open", 100)},
       AppendEntry{entry_at("firing", 100)}}));
  CHECK(sweep_all(store, before(50'000)) == Swept{});
  CHECK(ids_of(store) == Ids{"untimed", "open", "halfdone", "firing", "executing"});
  CHECK(store.timeline("open").value().size() == 1);
  CHECK(store.check_journal().value().last == 2);
  // Once the alert is over, so is the incident.
  REQUIRE(store.commit({PutEpisode{resolved("e1", "firing", 100)}}));
  CHECK(sweep_all(store, before(50'000)) == Swept{1, 1, 1, std::nullopt});
  CHECK(store.check_journal().value().first_altered == std::nullopt);
}

TEMPLATE_TEST_CASE("retention goes in steps of the size that was asked for, and ends", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  std::vector<StoreWrite> writes;
  for (int i = 0; i < 25; ++i) {
    const std::string id = std::to_string(100 + i);
    writes.emplace_back(PutIncident{i % 5 == 0 ? incident(id, kHeld, id, 100 + i) : closed(id, 100 + i, 300)});
    writes.emplace_back(AppendEntry{entry_at(id, 100 + i)});
  }
  REQUIRE(store.commit(writes));
  const Swept first = store.sweep(before(1000, 10)).value();
  CHECK(first == Swept{8, 0, 8, SweepCursor{incident("109", kClosed, "web", 109).times.detected_at.value(), "109"}});
  CHECK(sweep_all(store, before(1000, 10)).incidents == 12);
  CHECK(ids_of(store) == Ids{"120", "115", "110", "105", "100"});
  CHECK(store.check_journal().value().first_altered == std::nullopt);
}

TEMPLATE_TEST_CASE(
    "old entries that belong to no incident go, and the proofs of retention itself when they prove nothing", "",
    InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  REQUIRE(store.commit({AppendEntry{entry_at("", 100, "paused")}, PutIncident{closed("a", 100, 200)},
                        AppendEntry{entry_at("a", 100)}, AppendEntry{entry_at("", 5000, "young")}}));
  CHECK(sweep_all(store, before(1000)) == Swept{1, 0, 2, std::nullopt});
  const auto told = [&] {
    std::string text;
    const auto entries = store.entries_after(0, 100).value();
    for (const auto& each : entries)
      text += each.message.substr(0, 9) + ";";
    return text;
  };
  CHECK(told() == "young;retention;");
  // Much later both are old; the newest proof stays, because it says where the journal begins.
  SweepOrder later = before(100'000);
  later.now = at(200'000);
  CHECK(sweep_all(store, later).entries == 2);
  CHECK(told() == "retention;");
  CHECK(store.check_journal().value().first_altered == std::nullopt);
}

TEMPLATE_TEST_CASE("the chain can be followed after any mix of commits and retention", "", InMemory, OnDisk) {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  TestType fixture;
  Store& store = *fixture.store;
  std::int64_t now = 1000;
  for (int round = 0; round < 30; ++round) {
    std::vector<StoreWrite> writes;
    for (int i = 0; i < 8; ++i) {
      now += 10;
      const std::string id = std::to_string(1000 + random() % 60);
      writes.emplace_back(AppendEntry{entry_at(random() % 6 == 0 ? "" : id, now)});
      if (random() % 3 == 0) writes.emplace_back(PutIncident{closed(id, now, now + 5)});
      if (random() % 7 == 0) writes.emplace_back(PutIncident{incident(id, kHeld, id, now)});
    }
    REQUIRE(store.commit(writes));
    if (random() % 3 != 0) continue;
    SweepOrder order = before(now - 300, 1 + random() % 5);
    order.now = at(now);
    sweep_all(store, order);
    REQUIRE(store.check_journal().value().first_altered == std::nullopt);
  }
  CHECK(store.check_journal().value().first > 1);
}

TEST_CASE("both stores keep and take the same") {
  const auto seed = GENERATE(range(1u, 6u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  InMemory memory;
  OnDisk disk;
  std::int64_t now = 1000;
  for (int round = 0; round < 20; ++round) {
    std::vector<StoreWrite> writes;
    for (int i = 0; i < 6; ++i) {
      now += 10;
      const std::string id = std::to_string(1000 + random() % 30);
      const std::string key = std::to_string(random() % 40);
      if (random() % 2 == 0) writes.emplace_back(PutIncident{closed(id, now, now + 5)});
      writes.emplace_back(PutEpisode{random() % 2 == 0 ? resolved(key, id, now) : episode(key, id, now)});
      writes.emplace_back(AppendEntry{entry_at(id, now)});
    }
    REQUIRE(memory.store->commit(writes));
    REQUIRE(disk.store->commit(writes));
    SweepOrder order = before(now - 100, 3);
    order.now = at(now);
    CHECK(sweep_all(*disk.store, order) == sweep_all(*memory.store, order));
    CHECK(disk.store->check_journal().value() == memory.store->check_journal().value());
    CHECK(disk.store->entries_after(0, 1000).value() == memory.store->entries_after(0, 1000).value());
    CHECK(disk.store->unresolved_episodes().value() == memory.store->unresolved_episodes().value());
    CHECK(ids_of(*disk.store) == ids_of(*memory.store));
  }
}

TEST_CASE("ranges of sequences are written and read") {
  SequenceRanges ranges;
  CHECK(ranges.str().empty());
  for (const std::uint64_t sequence : {5u, 3u, 4u, 9u, 11u, 10u, 1u, 4u})
    ranges.add(sequence);
  CHECK(ranges.str() == "1,3-5,9-11");
  CHECK(ranges.contains(4));
  CHECK_FALSE(ranges.contains(6));
  CHECK(ranges.last() == 11);
  SequenceRanges read;
  CHECK(read.add(ranges.str()));
  CHECK(read.str() == ranges.str());
  for (const char* bad : {"x", "1-", "-", "5-3", "0", "1,,2", "1 "})
    CHECK_FALSE(SequenceRanges().add(bad));
}

}  // namespace
}  // namespace heal
