// What every Store promises, asked of the one in memory and of the one on disk.

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/contract/store/store_fixtures.h"
#include "tests/contract/store/store_samples.h"

namespace heal {
namespace {

using test::at;
using test::entry;
using test::episode;
using test::incident;
using test::InMemory;
using test::lease;
using test::OnDisk;
using enum IncidentState;

std::vector<std::string> ids_of(const std::vector<Incident>& incidents) {
  std::vector<std::string> ids;
  for (const Incident& each : incidents)
    ids.push_back(each.id);
  return ids;
}
using Ids = std::vector<std::string>;

TEMPLATE_TEST_CASE("what was committed is read back equal", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  Incident bare;
  bare.id = "bare";
  const OpenStep step{"i1", "1/0/restart/1", at(5, 6), R"({"kind":"docker.restart"})"};
  REQUIRE(store.commit({PutEpisode{episode("e1", "i1")}, PutIncident{incident("i1")}, PutIncident{bare},
                        AppendEntry{entry("i1", "first")}, PutStepIntent{step},
                        PutLease{lease("l1", FaultLease::State::kApplied)}, PutValue{"boot", "1"}}));

  CHECK(store.episode("e1").value() == episode("e1", "i1"));
  CHECK(store.episodes_of("i1").value() == std::vector{episode("e1", "i1")});
  CHECK(store.incident("i1").value() == incident("i1"));
  CHECK(store.incident("bare").value() == bare);
  TimelineEntry first = entry("i1", "first");
  first.sequence = 1;
  CHECK(store.timeline("i1").value() == std::vector{first});
  CHECK(store.open_steps().value() == std::vector{step});
  CHECK(store.leases().value() == std::vector{lease("l1", FaultLease::State::kApplied)});
  CHECK(store.value("boot").value() == "1");
}

TEMPLATE_TEST_CASE("what was never written is absent, not an error", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  CHECK(store.commit({}));
  CHECK(store.episode("x").value() == std::nullopt);
  CHECK(store.incident("x").value() == std::nullopt);
  CHECK(store.value("x").value() == std::nullopt);
  CHECK(store.timeline("x").value().empty());
  CHECK(store.incidents({}).value().empty());
  CHECK(store.first_altered_entry().value() == std::nullopt);
  CHECK(store.commit({PutStepOutcome{"x", "y"}, DeleteValue{"x"}}));
}

TEMPLATE_TEST_CASE("a later write of the same thing replaces it", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  Episode resolved = episode("e1", "i2");
  resolved.resolved_at = at(200);
  REQUIRE(store.commit({PutEpisode{episode("e1", "i1")}, PutIncident{incident("i1")}, PutValue{"k", "old"},
                        PutLease{lease("l1", FaultLease::State::kIntended)}}));
  REQUIRE(store.commit({PutEpisode{resolved}, PutIncident{incident("i1", kClosed)}, PutValue{"k", "new"},
                        PutLease{lease("l1", FaultLease::State::kReverted)}}));
  CHECK(store.episode("e1").value() == resolved);
  CHECK(store.episodes_of("i1").value().empty());
  CHECK(store.episodes_of("i2").value().size() == 1);
  CHECK(store.unresolved_episodes().value().empty());
  CHECK(store.incident("i1").value() == incident("i1", kClosed));
  CHECK(store.open_incidents().value().empty());
  CHECK(store.value("k").value() == "new");
  CHECK(store.leases().value() == std::vector{lease("l1", FaultLease::State::kReverted)});
}

TEMPLATE_TEST_CASE("a step is open from its intent to its outcome", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  const OpenStep first{"i1", "1/0/b/1", at(5), "{}"};
  const OpenStep second{"i1", "1/1/a/1", at(6), "{}"};
  REQUIRE(store.commit({PutStepIntent{second}, PutStepIntent{first}}));
  CHECK(store.open_steps().value() == std::vector{first, second});
  REQUIRE(store.commit({PutStepOutcome{"i1", "1/0/b/1"}}));
  CHECK(store.open_steps().value() == std::vector{second});
}

TEMPLATE_TEST_CASE("what must be found at a start is found in its order", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  Episode resolved = episode("e0", "", 50);
  resolved.resolved_at = at(60);
  REQUIRE(store.commit({PutEpisode{episode("e2", "", 102)}, PutEpisode{episode("e3", "", 101)},
                        PutEpisode{episode("e1", "", 102)}, PutEpisode{resolved}, PutIncident{incident("3", kHeld)},
                        PutIncident{incident("2", kClosed)}, PutIncident{incident("1", kRecovered)}}));
  std::vector<std::string> keys;
  const auto unresolved = store.unresolved_episodes().value();
  for (const Episode& each : unresolved)
    keys.push_back(each.key);
  CHECK(keys == Ids{"e3", "e1", "e2"});
  CHECK(store.unresolved_refs().value() ==
        std::vector<EpisodeRef>{{"e3", "alertmanager", ""}, {"e1", "alertmanager", ""}, {"e2", "alertmanager", ""}});
  Ids visited;
  CHECK(store.each_unresolved("alertmanager", [&](const Episode& each) { visited.push_back(each.key); }));
  CHECK(visited == keys);
  CHECK(store.each_unresolved("docker", [](const Episode&) { FAIL("of another source"); }));
  CHECK(store.episodes({"e3", "none", "e0", "e3"}).value() == std::vector{resolved, episode("e3", "", 101)});
  CHECK(store.episodes({}).value().empty());
  CHECK(ids_of(store.open_incidents().value()) == Ids{"1", "3"});
}

TEMPLATE_TEST_CASE("incidents are listed newest first, by any mix of conditions", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  Incident other = incident("5", kClosed, "db", 500);
  other.playbook = "page";
  Incident without_time = incident("0", kFailed);
  without_time.times.detected_at.reset();
  REQUIRE(store.commit({PutIncident{incident("1", kClosed, "web", 100)}, PutIncident{incident("2", kHeld, "web", 200)},
                        PutIncident{incident("3", kClosed, "db", 300)}, PutIncident{incident("4", kFailed, "web", 150)},
                        PutIncident{other}, PutIncident{without_time}}));
  struct Case {
    const char* name;
    IncidentQuery query;
    Ids ids;
  };
  const auto c = GENERATE(values<Case>({
      {"all", {}, {"5", "4", "3", "2", "1", "0"}},
      {"one state", {{kClosed}, "", "", {}, "", 50}, {"5", "3", "1"}},
      {"several states", {{kHeld, kFailed, kHeld}, "", "", {}, "", 50}, {"4", "2", "0"}},
      {"several states, a page of them", {{kHeld, kFailed, kClosed}, "", "", {}, "5", 2}, {"4", "3"}},
      {"target", {{}, "container/local/db", "", {}, "", 50}, {"5", "3"}},
      {"target and state", {{kHeld}, "container/local/db", "", {}, "", 50}, {}},
      {"playbook", {{}, "", "page", {}, "", 50}, {"5"}},
      {"since", {{}, "", "", at(200), "", 50}, {"5", "3", "2"}},
      {"since, state", {{kClosed}, "", "", at(200), "", 50}, {"5", "3"}},
      {"since the future", {{}, "", "", at(9000), "", 50}, {}},
      {"cursor", {{}, "", "", {}, "3", 50}, {"2", "1", "0"}},
      {"limit", {{}, "", "", {}, "", 2}, {"5", "4"}},
      {"limit of zero is one", {{}, "", "", {}, "", 0}, {"5"}},
  }));
  CAPTURE(c.name);
  CHECK(ids_of(store.incidents(c.query).value()) == c.ids);
}

TEMPLATE_TEST_CASE("entries are numbered from 1 in the order of their writing and followed by number", "", InMemory,
                   OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  REQUIRE(store.commit({AppendEntry{entry("i1", "a")}, AppendEntry{entry("", "b")}}));
  REQUIRE(store.commit({AppendEntry{entry("i1", "c")}}));
  const auto told = [](const std::vector<TimelineEntry>& entries) {
    std::string text;
    for (const auto& each : entries)
      text += std::to_string(each.sequence) + each.message + " ";
    return text;
  };
  CHECK(told(store.entries_after(0, 10).value()) == "1a 2b 3c ");
  CHECK(told(store.entries_after(1, 1).value()) == "2b ");
  CHECK(told(store.entries_after(3, 10).value()).empty());
  CHECK(told(store.timeline("i1").value()) == "1a 3c ");
  CHECK(told(store.timeline("").value()) == "2b ");
  CHECK(store.first_altered_entry().value() == std::nullopt);
}

TEMPLATE_TEST_CASE("all leases that are not reverted are kept in sight, of the reverted ones the last hundred", "",
                   InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  std::vector<StoreWrite> writes{PutLease{lease("old", FaultLease::State::kRevertFailed, 1)}};
  for (int i = 0; i < 110; ++i)
    writes.emplace_back(PutLease{lease(std::to_string(1000 + i), FaultLease::State::kReverted, 2 + i)});
  REQUIRE(store.commit(writes));
  const auto leases = store.leases().value();
  REQUIRE(leases.size() == 101);
  CHECK(leases[0].id == "old");
  CHECK(leases[1].id == "1010");
  CHECK(leases[100].id == "1109");
}

TEMPLATE_TEST_CASE("values are found by prefix, byte by byte", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  REQUIRE(store.commit({PutValue{"budget/web", "1"}, PutValue{"budget/db", "2"}, PutValue{"budget0", "3"},
                        PutValue{"Budget/x", "4"}, PutValue{"a%", "5"}, PutValue{"ab", ""}}));
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(store.values("budget/").value() == Pairs{{"budget/db", "2"}, {"budget/web", "1"}});
  CHECK(store.values("a%").value() == Pairs{{"a%", "5"}});
  REQUIRE(store.commit({DeleteValue{"budget/db"}}));
  CHECK(store.values("").value() ==
        Pairs{{"Budget/x", "4"}, {"a%", "5"}, {"ab", ""}, {"budget/web", "1"}, {"budget0", "3"}});
}

TEMPLATE_TEST_CASE("commits and reads from several threads do not mix", "", InMemory, OnDisk) {
  TestType fixture;
  Store& store = *fixture.store;
  constexpr int kThreads = 4;
  constexpr int kCommits = 50;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&store, &failures, t] {
      const std::string id = std::to_string(t);
      for (int i = 0; i < kCommits; ++i) {
        const std::string n = std::to_string(i);
        if (!store.commit({AppendEntry{entry(id, n)}, AppendEntry{entry(id, n)}, PutValue{id, n}})) ++failures;
        const auto seen = store.timeline(id);
        if (!seen || seen->size() != 2 * (static_cast<std::size_t>(i) + 1)) ++failures;
        if (store.value(id).value_or(std::nullopt) != n) ++failures;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  const auto entries = store.entries_after(0, 1000).value();
  REQUIRE(entries.size() == 2 * kThreads * kCommits);
  for (std::size_t i = 0; i < entries.size(); i += 2) {
    CHECK(entries[i].sequence == i + 1);
    CHECK(entries[i].incident_id == entries[i + 1].incident_id);
  }
  CHECK(store.first_altered_entry().value() == std::nullopt);
}

/// A write of any kind over few keys, so that they meet.
StoreWrite random_write(std::mt19937& random) {
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const std::string id = std::to_string(pick(8));
  switch (pick(8)) {
    case 0: {
      Episode put = episode(id, std::to_string(pick(4)), 100 + pick(5));
      if (pick(2) == 0) put.resolved_at = at(200);
      return PutEpisode{put};
    }
    case 1:
      return PutIncident{
          incident(id, static_cast<IncidentState>(pick(15)), pick(2) == 0 ? "web" : "db", 100 + pick(9))};
    case 2:
      return AppendEntry{entry(id, std::to_string(pick(1000)))};
    case 3:
      return PutStepIntent{{id, std::to_string(pick(3)), at(pick(3)), "{}"}};
    case 4:
      return PutStepOutcome{id, std::to_string(pick(3))};
    case 5:
      return PutLease{lease(id, static_cast<FaultLease::State>(pick(5)), 100 + pick(5))};
    case 6:
      return PutValue{id, std::to_string(pick(100))};
    default:
      return DeleteValue{id};
  }
}

TEST_CASE("the store on disk answers whatever the one in memory answers, before and after it was opened again") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  test::TempFolder folder;
  MemoryStore memory;
  auto disk = SqliteStore::open(folder.path()).value();
  const auto compare = [&] {
    for (int i = 0; i < 8; ++i) {
      const std::string id = std::to_string(i);
      CHECK(disk->episode(id).value() == memory.episode(id).value());
      CHECK(disk->episodes_of(id).value() == memory.episodes_of(id).value());
      CHECK(disk->incident(id).value() == memory.incident(id).value());
      CHECK(disk->timeline(id).value() == memory.timeline(id).value());
    }
    CHECK(disk->open_incidents().value() == memory.open_incidents().value());
    CHECK(disk->unresolved_episodes().value() == memory.unresolved_episodes().value());
    CHECK(disk->open_steps().value() == memory.open_steps().value());
    CHECK(disk->leases().value() == memory.leases().value());
    CHECK(disk->values("").value() == memory.values("").value());
    CHECK(disk->entries_after(3, 50).value() == memory.entries_after(3, 50).value());
    const IncidentQuery query{{kReceived, kHeld, kClosed}, "container/local/web", "", at(103), "7", 3};
    CHECK(disk->incidents(query).value() == memory.incidents(query).value());
    CHECK(disk->first_altered_entry().value() == std::nullopt);
  };
  for (int round = 0; round < 3; ++round) {
    for (int commit = 0; commit < 5; ++commit) {
      std::vector<StoreWrite> writes;
      for (auto n = random() % 12; n > 0; --n)
        writes.push_back(random_write(random));
      REQUIRE(disk->commit(writes));
      REQUIRE(memory.commit(writes));
    }
    compare();
    disk.reset();
    disk = SqliteStore::open(folder.path()).value();
    compare();
  }
}

}  // namespace
}  // namespace heal
