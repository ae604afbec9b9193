// Stores as files: altered journals, backups, restores, and the reserve for a full disk.

#include "common/system/store_files.h"

#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <thread>

#include <catch2/catch.hpp>

#include "common/system/sqlite.h"
#include "common/system/sqlite_store.h"
#include "tests/contract/store/small_disk.h"
#include "tests/contract/store/store_samples.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

namespace fs = std::filesystem;
using sqlite::Connection;
using test::at;
using test::entry;
using test::incident;

void alter(const fs::path& file, const std::string& sql) {
  REQUIRE(Connection::open(file.string(), Connection::Mode::kReadWrite).value()->execute(sql));
}

Incident closed(const std::string& id, std::int64_t detected) {
  Incident out = incident(id, IncidentState::kClosed, "web", detected);
  out.times.closed_at = at(detected + 1);
  return out;
}

/// Entries 1 to 8 of incidents a, b, a, b …; a is old and goes, b stays; 9 is the proof of it.
void make_swept_store(const fs::path& folder) {
  auto store = SqliteStore::open(folder).value();
  std::vector<StoreWrite> writes{PutIncident{closed("a", 100)}, PutIncident{closed("b", 5000)}};
  for (int i = 0; i < 8; ++i)
    writes.emplace_back(AppendEntry{entry(i % 2 == 0 ? "a" : "b", "message " + std::to_string(i + 1))});
  REQUIRE(store->commit(writes));
  SweepOrder order;
  order.before = at(1000);
  order.now = at(9000);
  REQUIRE(store->sweep(order).value() == Swept{1, 0, 4, std::nullopt});
  REQUIRE(store->first_altered_entry().value() == std::nullopt);
}

TEST_CASE("after retention the first altered entry is still named") {
  struct Case {
    const char* name;
    const char* sql;
    std::uint64_t altered;
  };
  const auto c = GENERATE(values<Case>({
      {"one byte of what is left", "UPDATE entries SET message='Xessage 4' WHERE sequence=4", 4},
      {"the hash of what was taken", "UPDATE entries SET hash=zeroblob(32) WHERE sequence=3", 4},
      {"what was taken is missing", "DELETE FROM entries WHERE sequence=5", 5},
      {"an entry made to look as if retention had taken it",
       "UPDATE entries SET at=0,incident_id='',kind='',message='',data='' WHERE sequence=6", 6},
      {"the proof", "UPDATE entries SET data='{}' WHERE sequence=9", 9},
      {"the beginning cut off",
       "DELETE FROM entries WHERE sequence<=4; UPDATE journal_checkpoint SET sequence=4, "
       "hash=(SELECT hash FROM entries WHERE sequence=5)",
       4},
      {"the checkpoint's hash", "UPDATE journal_checkpoint SET hash=zeroblob(32)", 2},
      {"the checkpoint moved with its hash",
       "UPDATE journal_checkpoint SET sequence=2, hash=(SELECT hash FROM entries WHERE sequence=2); "
       "DELETE FROM entries WHERE sequence=2",
       2},
  }));
  CAPTURE(c.name);
  test::TempFolder folder;
  make_swept_store(folder.path());
  alter(folder.path() / "heal.db", c.sql);
  CHECK(SqliteStore::open(folder.path()).value()->first_altered_entry().value() == c.altered);
  CHECK(inspect_store(folder.path() / "heal.db").value().journal.first_altered == c.altered);
}

TEST_CASE("a backup is made while commits go on, and is whole") {
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path() / "store").value();
  REQUIRE(store->commit({PutIncident{closed("a", 100)}, AppendEntry{entry("a", "one")}}));
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i)
      (void)store->commit({AppendEntry{entry("a", std::to_string(i))}, PutValue{"n", std::to_string(i)}});
  });
  for (int i = 0; i < 5; ++i) {
    const auto file = (folder.path() / ("backup" + std::to_string(i))).string();
    REQUIRE(store->back_up(file));
    const auto report = inspect_store(file).value();
    CHECK(report.journal.first_altered == std::nullopt);
    CHECK(report.incidents == 1);
    CHECK_FALSE(fs::exists(file + "-wal"));
  }
  writer.request_stop();
  writer.join();
  CHECK(store->first_altered_entry().value() == std::nullopt);
}

TEST_CASE("a store's file tells the story of each incident, the newest first") {
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path() / "store").value();
  Episode episode;
  episode.key = "am:1";
  episode.source = "alertmanager";
  episode.labels = {{"alertname", "Down"}};
  episode.incident_id = "b";
  REQUIRE(store->commit({PutIncident{closed("a", 100)}, PutIncident{closed("b", 200)}, PutIncident{closed("c", 300)},
                         PutEpisode{episode}, AppendEntry{entry("b", "one")}, AppendEntry{entry("c", "two")},
                         AppendEntry{entry("b", "three")}}));
  const auto file = (folder.path() / "backup").string();
  REQUIRE(store->back_up(file));
  const auto stories = read_stories(file, at(150), 10).value();
  REQUIRE(stories.size() == 2);
  CHECK(stories[0].incident == closed("c", 300));
  CHECK(stories[1].incident == closed("b", 200));
  CHECK(stories[1].episodes == std::vector<Episode>{episode});
  REQUIRE(stories[1].timeline.size() == 2);
  CHECK(stories[1].timeline[0].message == "one");
  CHECK(stories[1].timeline[1].message == "three");
  CHECK(read_stories(file, at(0), 1).value().size() == 1);
  CHECK(read_stories(folder.path() / "none", at(0), 1).error().code() == ErrorCode::kNotFound);
}

TEST_CASE("a backup never takes the place of a file") {
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path() / "store").value();
  const auto file = folder.path() / "here";
  std::ofstream(file) << "mine";
  const auto made = store->back_up(file.string());
  REQUIRE_FALSE(made);
  CHECK(made.error().code() == ErrorCode::kConflict);
  CHECK(made.error().str() == file.string() + " is there already");
  CHECK(fs::file_size(file) == 4);
}

struct Restoring {
  test::TempFolder folder;
  fs::path live = folder.path() / "live", backup = folder.path() / "backup.db";

  Restoring() {
    auto store = SqliteStore::open(live).value();
    REQUIRE(store->commit({PutValue{"which", "backup"}, AppendEntry{entry("a", "one")}}));
    REQUIRE(store->back_up(backup.string()));
    REQUIRE(store->commit({PutValue{"which", "live"}, AppendEntry{entry("a", "two")}}));
  }
  std::string which() const { return SqliteStore::open(live).value()->value("which").value().value_or(""); }
};

TEST_CASE("a restore puts the backup in place and keeps what was there") {
  Restoring r;
  const auto done = restore_store(r.backup, r.live, at(86400));
  REQUIRE(done);
  CHECK(done->kept == (r.live / "heal.db.before-restore-19700102T000000Z").string());
  CHECK(done->store.journal.last == 1);
  CHECK(r.which() == "backup");
  CHECK(SqliteStore::open(r.live).value()->first_altered_entry().value() == std::nullopt);
  // The old one, log and all, is a store that can be put back.
  CHECK(inspect_store(done->kept).value().journal.last == 2);
  REQUIRE(restore_store(done->kept, r.live, at(86401)));
  CHECK(r.which() == "live");
}

TEST_CASE("a restore into an empty folder makes the store") {
  Restoring r;
  const auto done = restore_store(r.backup, r.folder.path() / "fresh", at(86400));
  REQUIRE(done);
  CHECK(done->kept.empty());
  CHECK(SqliteStore::open(r.folder.path() / "fresh").value()->value("which").value() == "backup");
}

TEST_CASE("a restore is refused, and nothing is touched") {
  Restoring r;
  const auto prefix = "restore into " + r.live.string() + ": ";
  const auto failure = [&](const fs::path& file) {
    const auto done = restore_store(file, r.live, at(86400));
    return done ? "restored" : std::string(to_string(done.error().code())) + ": " + done.error().str();
  };
  SECTION("while a service holds the store") {
    auto holder = SqliteStore::open(r.live).value();
    CHECK(failure(r.backup) == "conflict: " + prefix + fmt::format("is in use by process {}", ::getpid()));
    CHECK(holder->value("which").value() == "live");
  }
  SECTION("when the backup's journal was altered") {
    alter(r.backup, "UPDATE entries SET message='x'");
    CHECK(failure(r.backup) ==
          "invalid: " + prefix + r.backup.string() + ": its journal was altered: entry 1 is not what was written");
  }
  SECTION("when the backup is of a newer version") {
    alter(r.backup, "PRAGMA user_version=99");
    CHECK(failure(r.backup) == "conflict: " + prefix + r.backup.string() +
                                   ": it has schema version 99, this program knows versions up to 5: use the newer "
                                   "program");
  }
  SECTION("when the backup is cut") {
    fs::resize_file(r.backup, 8192);
    CHECK_THAT(failure(r.backup), Catch::StartsWith("storage: " + prefix + r.backup.string() +
                                                    ": the database file is "
                                                    "damaged"));
  }
  SECTION("when there is no backup") {
    CHECK(failure(r.folder.path() / "none") ==
          "not_found: " + prefix + (r.folder.path() / "none").string() + ": no such file");
  }
  CHECK((fs::exists(r.live / "heal.db.new") || r.which() == "live"));
}

TEST_CASE("a store of the first schema can be looked at and restored") {
  Restoring r;
  alter(r.backup,
        "DROP TABLE journal_checkpoint; ALTER TABLE leases DROP COLUMN pages; ALTER TABLE leases DROP COLUMN "
        "reverted_at; PRAGMA user_version=1");
  CHECK(inspect_store(r.backup).value().schema == 1);
  REQUIRE(restore_store(r.backup, r.live, at(86400)));
  CHECK(r.which() == "backup");
}

TEST_CASE("on a full disk the reserve is given up: what runs is recorded, nothing new is taken, and both heal") {
  test::TempFolder folder;
  const bool ran = test::on_small_disk(folder.path(), 4 << 20, [&] {
    auto store = SqliteStore::open(folder.path() / "store").value();
    const auto reserve = folder.path() / "store" / "reserve";
    REQUIRE(fs::exists(reserve));
    CHECK(store->admits());
    const auto filler = folder.path() / "filler";
    {
      // Another program takes all there is.
      std::ofstream out(filler, std::ios::binary);
      const std::string block(4096, 'x');
      while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    }
    int recorded = 0;
    while (recorded < 5 && store->commit({AppendEntry{entry("i", std::string(3000, 'm'))}}))
      ++recorded;
    CHECK(recorded == 5);
    CHECK_FALSE(fs::exists(reserve));
    const auto refused = store->admits();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == ErrorCode::kStorage);
    CHECK(refused.error().str() ==
          "the disk is full: " + reserve.string() + " was given up so that what runs can be recorded");
    CHECK(store->check_writable().error().str() == refused.error().str());

    fs::remove(filler);
    CHECK(store->admits());
    CHECK(fs::exists(reserve));
    CHECK(store->check_writable());
    CHECK(store->first_altered_entry().value() == std::nullopt);
  });
  REQUIRE(ran);  // as root, who may mount a file system of his own
}

}  // namespace
}  // namespace heal
