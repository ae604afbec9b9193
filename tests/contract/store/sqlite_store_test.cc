// What only the store on disk can promise: outliving its process, one holder, full disks, damage.

#include "common/system/sqlite_store.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/digest.h"
#include "common/system/sqlite.h"
#include "common/system/sqlite_schema.h"
#include "tests/contract/store/small_disk.h"
#include "tests/contract/store/store_samples.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using sqlite::Connection;
using test::entry;

std::string failure(const std::filesystem::path& folder) {
  const auto opened = SqliteStore::open(folder);
  return opened ? "opened" : std::string(to_string(opened.error().code())) + ": " + opened.error().str();
}

TEST_CASE("the folder is made for its owner alone") {
  test::TempFolder folder;
  const auto path = folder.path() / "a" / "b";
  REQUIRE(SqliteStore::open(path));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  REQUIRE(::stat((path / "heal.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a second holder is told who the first one is") {
  test::TempFolder folder;
  auto first = SqliteStore::open(folder.path());
  REQUIRE(first);
  CHECK(failure(folder.path()) ==
        fmt::format("conflict: store {}: is in use by process {}", folder.path().string(), ::getpid()));
  first->reset();
  CHECK(failure(folder.path()) == "opened");
}

TEST_CASE("a store of a newer schema is refused and left as it is") {
  test::TempFolder folder;
  REQUIRE(SqliteStore::open(folder.path()));
  const auto file = (folder.path() / "heal.db").string();
  REQUIRE(Connection::open(file, Connection::Mode::kReadWrite).value()->execute("PRAGMA user_version = 99"));
  CHECK(failure(folder.path()) ==
        fmt::format("conflict: store {}: the store has schema version 99, this program knows versions up to 5: use the "
                    "newer program",
                    folder.path().string()));
  CHECK(Connection::open(file, Connection::Mode::kReadOnly).value()->number("PRAGMA user_version").value() == 99);
}

TEST_CASE("an older schema is brought up step by step, all or nothing") {
  test::TempFolder folder;
  auto connection = Connection::open((folder.path() / "x.db").string(), Connection::Mode::kCreate).value();
  REQUIRE(sqlite::migrate(*connection, {"CREATE TABLE t(a); INSERT INTO t VALUES (1);"}));
  const auto failed = sqlite::migrate(
      *connection, {"", "ALTER TABLE t ADD COLUMN b DEFAULT 7;", "INSERT INTO t VALUES (2, 2); broken"});
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().str(), Catch::StartsWith("schema version 3: the database refused ("));
  CHECK(connection->number("PRAGMA user_version").value() == 1);
  REQUIRE(sqlite::migrate(*connection, {"", "ALTER TABLE t ADD COLUMN b DEFAULT 7;", "UPDATE t SET a = a + b;"}));
  CHECK(connection->number("PRAGMA user_version").value() == 3);
  CHECK(connection->number("SELECT a FROM t").value() == 8);
}

TEST_CASE("a store of every earlier schema is opened") {
  const auto& steps = sqlite::schema_steps();
  for (std::size_t version = 1; version <= steps.size(); ++version) {
    CAPTURE(version);
    test::TempFolder folder;
    const auto file = (folder.path() / "heal.db").string();
    REQUIRE(sqlite::migrate(*Connection::open(file, Connection::Mode::kCreate).value(),
                            {steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(version)}));
    auto store = SqliteStore::open(folder.path());
    REQUIRE(store);
    CHECK((*store)->leases().value().empty());
  }
}

TEST_CASE("an incident that an earlier program wrote, with members that say nothing, is read") {
  test::TempFolder folder;
  Incident expected;
  expected.id = "i";
  expected.name = "Down";
  REQUIRE(SqliteStore::open(folder.path()).value()->commit({PutIncident{expected}}));
  REQUIRE(Connection::open((folder.path() / "heal.db").string(), Connection::Mode::kReadWrite)
              .value()
              ->execute(R"(UPDATE incidents SET doc='{"attempt":0,"drill":"","episodes":["am:1"],"exit_code":null,)"
                        R"("failure_reason":"","id":"i","message":"","mttd_seconds":null,"mttr_seconds":null,)"
                        R"("name":"Down","plan_hash":"","playbook":"","reason":"","requested_by":"",)"
                        R"("state":"received","target":null,"times":{"acted_at":null,"closed_at":null,)"
                        R"("decided_at":null,"detected_at":"1970-01-01T00:00:07Z","failed_at":null,)"
                        R"("resolved_at":null,"verified_at":null},"type":""}')"));
  const auto incident = SqliteStore::open(folder.path()).value()->incident("i").value();
  expected.episode_keys = {"am:1"};
  expected.times.detected_at = WallTime(std::chrono::seconds(7));
  CHECK(incident == expected);
}

TEST_CASE("an incident that lacks what is never left out is damaged, not empty") {
  test::TempFolder folder;
  Incident incident;
  incident.id = "i";
  auto store = SqliteStore::open(folder.path()).value();
  REQUIRE(store->commit({PutIncident{incident}}));
  CHECK(store->incident("i").value() == incident);
  const std::string lacks = GENERATE("message", "episodes", "times", "name");
  CAPTURE(lacks);
  store.reset();
  REQUIRE(Connection::open((folder.path() / "heal.db").string(), Connection::Mode::kReadWrite)
              .value()
              ->execute(fmt::format("UPDATE incidents SET doc=json_remove(doc, '$.{}')", lacks)));
  store = SqliteStore::open(folder.path()).value();
  CHECK_THAT(store->incident("i").error().str(),
             Catch::StartsWith("incident i in the store cannot be read: /" + lacks));
}

TEST_CASE("new stores have pages of 8 KiB; one of another size is used as it is") {
  test::TempFolder folder;
  const auto page_size = [&] {
    return Connection::open((folder.path() / "heal.db").string(), Connection::Mode::kReadOnly)
        .value()
        ->number("PRAGMA page_size")
        .value();
  };
  SECTION("new") {
    REQUIRE(SqliteStore::open(folder.path()));
    CHECK(page_size() == 8192);
  }
  SECTION("of an earlier program") {
    REQUIRE(sqlite::migrate(*Connection::open((folder.path() / "heal.db").string(), Connection::Mode::kCreate).value(),
                            sqlite::schema_steps()));
    REQUIRE(SqliteStore::open(folder.path()).value()->commit({PutValue{"a", "b"}}));
    CHECK(page_size() == 4096);
    CHECK(SqliteStore::open(folder.path()).value()->value("a").value() == "b");
  }
}

TEST_CASE("a step that stores have taken never changes: what is new is a step of its own") {
  const std::vector<std::string> taken{"a174107a0282457a", "07f5c2396ab0f4db", "833beb5d7c55cf5f", "ce0da6df4f001efd",
                                       "e3b0c44298fc1c14"};
  std::vector<std::string> steps;
  for (const std::string_view step : sqlite::schema_steps())
    steps.push_back(sha256_hex(step).substr(0, 16));
  steps.resize(taken.size());
  CHECK(steps == taken);
}

TEST_CASE("a damaged or foreign file is named and never replaced") {
  test::TempFolder folder;
  const auto file = folder.path() / "heal.db";
  const auto write = [&](const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; };
  const std::string prefix = "storage: store " + folder.path().string() + ": ";
  SECTION("text") {
    write(std::string(8192, 'x'));
    CHECK(failure(folder.path()) ==
          prefix + "the file is not a database of this service (file is not a database, code 26)");
    CHECK(std::filesystem::file_size(file) == 8192);
  }
  SECTION("emptied") {
    write("");
    CHECK(failure(folder.path()) == prefix + "the file is not a database of this service");
    CHECK(std::filesystem::file_size(file) == 0);
  }
  SECTION("another program's database") {
    REQUIRE(Connection::open(file.string(), Connection::Mode::kCreate).value()->execute("CREATE TABLE t(a)"));
    CHECK(failure(folder.path()) == prefix + "the file is not a database of this service");
  }
  SECTION("cut in the middle") {
    REQUIRE(SqliteStore::open(folder.path()));
    std::filesystem::resize_file(file, 8192);
    CHECK_THAT(failure(folder.path()), Catch::StartsWith(prefix + "the database file is damaged ("));
    CHECK(std::filesystem::file_size(file) == 8192);
  }
  SECTION("gone, but not its log") {
    write("");
    std::filesystem::rename(file, file.string() + "-wal");
    CHECK(failure(folder.path()) == prefix + "heal.db is gone but its log heal.db-wal is there: restore heal.db");
  }
}

TEST_CASE("a folder that cannot be one is refused with its path") {
  test::TempFolder folder;
  const auto file = folder.path() / "file";
  std::ofstream(file) << "x";
  CHECK(failure(file) == "invalid: store " + file.string() + ": is not a folder");
  CHECK(failure(file / "sub") == "internal: store " + (file / "sub").string() + ": make the folder: not a directory");
}

TEST_CASE("the first altered entry of the journal is named") {
  struct Case {
    const char* name;
    const char* sql;
    std::uint64_t altered;
  };
  const auto c = GENERATE(values<Case>({
      {"one byte of a message", "UPDATE entries SET message='Xessage 3' WHERE sequence=3", 3},
      {"a time", "UPDATE entries SET at=at+1 WHERE sequence=2", 2},
      {"an incident", "UPDATE entries SET incident_id='j' WHERE sequence=4", 4},
      {"a hash", "UPDATE entries SET hash=zeroblob(32) WHERE sequence=1", 1},
      {"two messages swapped with their hashes",
       "UPDATE entries SET sequence=99 WHERE sequence=2; UPDATE entries SET sequence=2 WHERE sequence=3; "
       "UPDATE entries SET sequence=3 WHERE sequence=99",
       2},
      {"one taken out", "DELETE FROM entries WHERE sequence=2", 2},
      {"the last one taken out", "DELETE FROM entries WHERE sequence=5", 5},
      {"one put behind the end",
       "INSERT INTO entries SELECT 6,at,incident_id,kind,message,data,hash FROM entries "
       "WHERE sequence=5",
       6},
      {"the end altered", "UPDATE journal_head SET hash=zeroblob(32)", 5},
  }));
  CAPTURE(c.name);
  test::TempFolder folder;
  {
    auto store = SqliteStore::open(folder.path()).value();
    for (int i = 1; i <= 5; ++i)
      REQUIRE(store->commit({AppendEntry{entry("i", "message " + std::to_string(i))}}));
    CHECK(store->first_altered_entry().value() == std::nullopt);
  }
  const auto file = (folder.path() / "heal.db").string();
  REQUIRE(Connection::open(file, Connection::Mode::kReadWrite).value()->execute(c.sql));
  CHECK(SqliteStore::open(folder.path()).value()->first_altered_entry().value() == c.altered);
}

TEST_CASE("a commit that fails in the middle leaves nothing, and the next one works") {
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path()).value();
  REQUIRE(store->commit({AppendEntry{entry("i", "one")}}));
  const auto file = (folder.path() / "heal.db").string();
  const auto meddler = Connection::open(file, Connection::Mode::kReadWrite).value();
  REQUIRE(meddler->execute("CREATE TRIGGER no BEFORE INSERT ON leases BEGIN SELECT RAISE(ABORT, 'no'); END"));
  const std::vector<StoreWrite> writes{AppendEntry{entry("i", "two")}, PutValue{"k", "v"},
                                       PutLease{test::lease("l", FaultLease::State::kIntended)}};
  const auto failed = store->commit(writes);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == ErrorCode::kStorage);
  CHECK(store->value("k").value() == std::nullopt);
  CHECK(store->entries_after(0, 10).value().size() == 1);
  REQUIRE(meddler->execute("DROP TRIGGER no"));
  REQUIRE(store->commit(writes));
  CHECK(store->entries_after(0, 10).value().size() == 2);
  CHECK(store->first_altered_entry().value() == std::nullopt);
}

TEST_CASE("a full disk fails commits whole, and they work again when there is space") {
  test::TempFolder folder;
  const bool ran = test::on_small_disk(folder.path(), 4 << 20, [&] {
    auto store = SqliteStore::open(folder.path() / "store").value();
    std::uint64_t acknowledged = 0;
    std::string error;
    while (error.empty() && acknowledged < 10000) {
      const auto status = store->commit(
          {AppendEntry{entry("i", std::string(4000, 'm'))}, PutValue{"count", std::to_string(acknowledged + 1)}});
      if (status) ++acknowledged;
      if (!status) error = std::string(to_string(status.error().code())) + ": " + status.error().str();
    }
    CHECK(error == "storage: no space left on the disk (database or disk is full, code 13)");
    CHECK(acknowledged > 50);
    CHECK_FALSE(store->check_writable());
    CHECK(store->value("count").value() == std::to_string(acknowledged));
    CHECK(store->entries_after(0, 100000).value().size() == acknowledged);

    const std::string larger = fmt::format("size={}", 16 << 20);
    REQUIRE(::mount("tmpfs", folder.path().c_str(), "tmpfs", MS_REMOUNT, larger.c_str()) == 0);
    CHECK(store->check_writable());
    REQUIRE(store->commit({AppendEntry{entry("i", "after")}}));
    store.reset();
    store = SqliteStore::open(folder.path() / "store").value();
    CHECK(store->entries_after(0, 100000).value().size() == acknowledged + 1);
    CHECK(store->first_altered_entry().value() == std::nullopt);
  });
  REQUIRE(ran);  // as root, who may mount a file system of his own
}

TEST_CASE("under load the log is copied into the database and begun anew, and nothing of it is lost") {
  constexpr std::uint64_t kCommits = 130;
  constexpr std::uintmax_t kMiB = 1 << 20;
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path()).value();
  for (std::uint64_t i = 0; i < kCommits; ++i)
    REQUIRE(store->commit({AppendEntry{entry("i", std::string(kMiB, 'm'))}}));
  CHECK(std::filesystem::file_size(folder.path() / "heal.db-wal") < 100 * kMiB);
  store.reset();
  store = SqliteStore::open(folder.path()).value();
  const auto check = store->check_journal().value();
  CHECK(check.first_altered == std::nullopt);
  CHECK(check.entries == kCommits);
}

TEST_CASE("nothing is acknowledged once the store's files were removed or replaced under it") {
  namespace fs = std::filesystem;
  const std::string name = GENERATE("lock", "heal.db", "heal.db-wal");
  test::TempFolder folder;
  const auto data = folder.path() / "data";
  auto store = SqliteStore::open(data).value();
  REQUIRE(store->commit({PutValue{"a", "1"}}));
  REQUIRE(store->check_writable());
  const auto file = data / name;
  const auto says = [&](const char* what) {
    return fmt::format("{} was {} while in use: put it back, or start the service again", file.string(), what);
  };

  fs::rename(file, folder.path() / "away");
  auto failed = store->commit({PutValue{"a", "2"}});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == ErrorCode::kStorage);
  CHECK(failed.error().str() == says("removed"));
  CHECK(store->check_writable().error().str() == says("removed"));

  fs::copy_file(folder.path() / "away", file);
  CHECK(store->commit({PutValue{"a", "2"}}).error().str() == says("replaced"));
  CHECK(store->check_writable().error().str() == says("replaced"));

  fs::rename(folder.path() / "away", file);
  CHECK(store->check_writable());
  CHECK(store->commit({PutValue{"a", "2"}}));
  CHECK(store->value("a").value() == "2");
}

TEST_CASE("a store whose folder was removed takes nothing") {
  test::TempFolder folder;
  auto store = SqliteStore::open(folder.path() / "data").value();
  std::filesystem::remove_all(folder.path() / "data");
  CHECK(store->commit({PutValue{"a", "1"}}).error().code() == ErrorCode::kStorage);
  CHECK(store->check_writable().error().code() == ErrorCode::kStorage);
}

TEST_CASE("what was acknowledged outlives kill -9") {
  test::TempFolder folder;
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto store = SqliteStore::open(folder.path()).value();
    for (std::uint32_t n = 1;; ++n) {
      const std::string text = std::to_string(n);
      if (!store->commit({PutValue{"n/" + text, text}, AppendEntry{entry("i", text)}})) ::_exit(1);
      if (::write(pipe_ends[1], &n, sizeof n) != sizeof n) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  std::uint32_t acknowledged = 0;
  while (acknowledged < 200) {
    std::uint32_t n = 0;
    REQUIRE(::read(pipe_ends[0], &n, sizeof n) == sizeof n);
    acknowledged = n;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WTERMSIG(status) == SIGKILL);
  for (std::uint32_t n = 0; ::read(pipe_ends[0], &n, sizeof n) == sizeof n;)
    acknowledged = n;
  ::close(pipe_ends[0]);

  auto store = SqliteStore::open(folder.path()).value();
  const auto values = store->values("n/").value().size();
  CHECK(values >= acknowledged);
  CHECK(values <= acknowledged + 1);
  CHECK(store->entries_after(0, 1000000).value().size() == values);
  CHECK(store->first_altered_entry().value() == std::nullopt);
}

}  // namespace
}  // namespace heal
