#include <filesystem>

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "common/wire/json.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

namespace fs = std::filesystem;

StoreReport whole(std::uint64_t last = 12) {
  StoreReport report;
  report.incidents = 3;
  report.journal.entries = last;
  report.journal.first = 1;
  report.journal.last = last;
  return report;
}
StoreReport altered(std::uint64_t entry) {
  StoreReport report = whole();
  report.journal.first_altered = entry;
  return report;
}

TEST_CASE("audit verify tells a whole journal from an altered one, by its words and its exit code") {
  Bench bench;
  bench.on("GET", "/journal", 200,
           R"({"intact":true,"first_altered":null,"entries":12,"first":1,"last":12,"head":"ab12"})");
  CHECK(bench.run({"audit", "verify"}) ==
        Ran{Exit::kDone, "", "the journal is whole: entries 1 to 12, last hash ab12\n"});
  Bench broken;
  broken.on("GET", "/journal", 200,
            R"({"intact":false,"first_altered":7,"entries":12,"first":1,"last":12,"head":"ab12"})");
  CHECK(broken.run({"audit", "verify"}) ==
        Ran{Exit::kFailed, "",
            "healctl: error: the journal was altered: entry 7 is not what was written, or is missing\n"});
  CHECK(broken.run({"audit", "verify", "-o", "json"}).exit == Exit::kFailed);
  Bench other;
  other.on("GET", "/journal", 200, R"({"fine":true})");
  CHECK(other.run({"audit", "verify"}).exit == Exit::kUnreachable);
}

TEST_CASE("audit verify of a file says what it cannot read apart from what was altered") {
  Bench bench;
  bench.inspect_store = [](const std::string& file) -> Result<StoreReport> {
    if (file == "good") return whole();
    if (file == "bad") return altered(4);
    if (file == "torn") return make_error(ErrorCode::kStorage, "torn: not a database");
    return make_error(ErrorCode::kNotFound, "{}: no such file", file);
  };
  CHECK(bench.run({"audit", "verify", "--file", "good"}).exit == Exit::kDone);
  CHECK(bench.run({"audit", "verify", "--file", "bad"}).exit == Exit::kFailed);
  CHECK(bench.run({"audit", "verify", "--file", "torn"}).exit == Exit::kFailed);
  CHECK(bench.run({"audit", "verify", "--file", "none"}).exit == Exit::kUnreachable);
  CHECK(bench.http.requests().empty());
}

TEST_CASE("incidents stats fit eighty columns, and say what was asked for") {
  Bench bench;
  bench.width = 80;
  bench.environment["NO_COLOR"] = "1";
  const std::string answer =
      R"({"stats":[{"target":"container/local/a-rather-long-name-of-a-container","incidents":1200,"heals":900,)"
      R"("verified":890,"failed":10,"refused":{"cooldown":3,"silenced":1},"mttd_seconds":{"p50":1.2,"p95":4},)"
      R"("mttr_seconds":{"p50":12.5,"p95":64}}]})";
  bench.on("GET", "/stats?by=target&window=30d", 200, answer);
  const Ran ran = bench.run({"incidents", "stats", "--by", "target", "--window", "30d"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.out.starts_with("TARGET"));
  INFO(ran.out);
  CHECK(widest_line(ran.out) <= 80);
  CHECK(ran.out.find("890") != std::string::npos);
  CHECK(bench.run({"incidents", "stats", "--by", "colour"}).exit == Exit::kUsage);
  Bench other;
  other.on("GET", "/stats?by=playbook", 200, R"({"stats":{}})");
  CHECK(other.run({"incidents", "stats"}).exit == Exit::kUnreachable);
  Bench empty;
  empty.on("GET", "/stats?by=playbook&window=7d", 200, R"({"stats":[],"truncated":true})");
  CHECK(
      empty.run({"incidents", "stats", "--window", "7d"}) ==
      Ran{Exit::kDone, "", "no incidents\nthere are more incidents than are counted at once: only the newest were\n"});
}

/// A service that has a backup of `bytes`.
void offer_backup(Bench& bench, const std::string& bytes) {
  bench.on("POST", "/backups", 201, text_of(Json{{"backup", {{"name", "b1"}, {"bytes", bytes.size()}}}}));
  bench.on("POST", "/backups/read", 200, bytes);
  bench.on("DELETE", "/backups/b1", 200, "{}");
}

TEST_CASE("backup puts a copy in place that was read back, and overwrites nothing") {
  const test::TempFolder folder;
  const std::string file = folder.file("heal-backup.db");
  Bench bench;
  offer_backup(bench, "the bytes");
  bench.inspect_store = [](const std::string&) { return whole(); };
  CHECK(bench.run({"backup", file}) ==
        Ran{Exit::kDone, "", file + ": 9 bytes, 3 incidents, journal whole to entry 12\n"});
  CHECK(config::read_text_file(file).value() == "the bytes");
  CHECK(bench.last_request().method == "DELETE");
  CHECK(bench.run({"backup", file}).exit == Exit::kFailed);
  CHECK(config::read_text_file(file).value() == "the bytes");
}

TEST_CASE("a backup that is not whole leaves no file") {
  const test::TempFolder folder;
  const std::string file = folder.file("heal-backup.db");
  Bench bench;
  offer_backup(bench, "the bytes");
  bench.inspect_store = [](const std::string&) { return altered(5); };
  const Ran ran = bench.run({"backup", file});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.err == "healctl: error: the copy's journal is not whole: entry 5 was altered\n");
  Bench refusing;
  refusing.on("POST", "/backups", 503, R"({"error":{"code":"storage","message":"the disk is full"}})");
  CHECK(refusing.run({"backup", file}).exit == Exit::kUnreachable);
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("restore tells what it put back and what it kept, and needs no service") {
  Bench bench;
  bench.inspect_store = [](const std::string& file) { return file == "bad" ? altered(2) : whole(); };
  std::string asked;
  bench.restore_store = [&](const std::string& file, const std::string& folder) -> Result<RestoreReport> {
    asked = file + " " + folder;
    return RestoreReport{whole(), "/store/heal.db.2030"};
  };
  CHECK(bench.run({"restore", "b.db", "--storage-path", "/store", "--dry-run"}) ==
        Ran{Exit::kDone, "", "would restore 3 incidents, journal whole to entry 12\n"});
  CHECK(bench.run({"restore", "bad", "--storage-path", "/store", "--dry-run"}).exit == Exit::kFailed);
  CHECK(asked.empty());
  CHECK(bench.run({"restore", "b.db", "--storage-path", "/store"}) ==
        Ran{Exit::kDone, "",
            "restored 3 incidents, journal whole to entry 12\nwhat was there before: /store/heal.db.2030\n"});
  CHECK(asked == "b.db /store");
  CHECK(bench.run({"restore", "b.db"}).exit == Exit::kUsage);
  CHECK(bench.http.requests().empty());
}

TEST_CASE("a store that a service holds is not restored over: exit 4") {
  Bench bench;
  bench.inspect_store = [](const std::string&) { return whole(); };
  bench.restore_store = [](const std::string&, const std::string&) -> Result<RestoreReport> {
    return make_error(ErrorCode::kConflict, "another process holds /store");
  };
  CHECK(bench.run({"restore", "b.db", "--storage-path", "/store"}) ==
        Ran{Exit::kRefused, "",
            "healctl: error: another process holds /store\n"
            "hint: stop heal-webhook first, or use the program of that version\n"});
}

}  // namespace
}  // namespace heal::ctl
