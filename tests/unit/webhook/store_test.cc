// The store as a whole: stats, the journal, backups, retention, a full disk.

#include <filesystem>
#include <fstream>
#include <future>

#include <catch2/catch.hpp>

#include "common/base/digest.h"
#include "common/system/sqlite_store.h"
#include "common/system/store_files.h"
#include "tests/unit/webhook/service.h"
#include "webhook/retention.h"

namespace heal::webhook::test {
namespace {

namespace fs = std::filesystem;

/// A service whose store lies on the disk.
struct OnDisk : Service {
  OnDisk() {
    disk = SqliteStore::open(folder.path() / "data").value();
    store = std::make_shared<FailingStore>(disk);
    REQUIRE(start().has_value());
  }
  std::shared_ptr<Store> disk;
};

Json json_of(const Reply& reply) {
  return parse_json(reply.body).value();
}

TEST_CASE("stats are told for a window, and a question that makes no sense is 400") {
  Service service;
  REQUIRE(service.start().has_value());
  service.clock->advance(1s);
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  service.run_to(IncidentState::kClosed);
  const Json stats = service.get_json("/api/v1/stats?by=playbook&window=7d");
  CHECK(stats["incidents"] == 1);
  CHECK(stats["truncated"] == false);
  CHECK(stats["window_seconds"] == 604800.0);
  REQUIRE(stats["stats"].size() == 1);
  CHECK(stats["stats"][0]["playbook"] == "restart-container");
  CHECK(stats["stats"][0]["heals"] == 1);
  CHECK(stats["stats"][0]["verified"] == 1);
  service.clock->advance(2h);
  CHECK(service.get_json("/api/v1/stats?window=1h")["stats"] == Json::array());
  CHECK(json_of(service.get("/api/v1/stats?by=colour"))["error"]["message"] ==
        "by: expected playbook, target, type or name, got \"colour\"");
  CHECK(json_of(service.get("/api/v1/stats?window=soon"))["error"]["message"] ==
        "window: expected a duration such as 7d");
}

TEST_CASE("the journal tells its ends, and which entry was altered") {
  Service service;
  REQUIRE(service.start().has_value());
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  const Json whole = service.get_json("/api/v1/journal");
  CHECK(whole["intact"] == true);
  CHECK(whole["first_altered"].is_null());
  CHECK(whole["first"] == 1);
  CHECK(whole["entries"] == whole["last"]);
  CHECK(whole["head"].get<std::string>().size() == 64);
  service.store->report_altered(2);
  CHECK(service.get_json("/api/v1/journal")["first_altered"] == 2);
}

TEST_CASE("a backup is made, read in parts and deleted while the service runs") {
  OnDisk service;
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  const Reply made = service.post("/api/v1/backups", "{}");
  REQUIRE(made.status == 201);
  const Json backup = json_of(made)["backup"];
  const std::string name = backup["name"];
  std::string bytes;
  while (bytes.size() < backup["bytes"].get<std::size_t>()) {
    const Reply part = service.post("/api/v1/backups/read", dump({{"name", name}, {"offset", bytes.size()}}));
    REQUIRE(part.status == 200);
    REQUIRE_FALSE(part.body.empty());
    bytes += part.body;
  }
  CHECK(bytes.size() == backup["bytes"].get<std::size_t>());
  const auto copy = service.folder.path() / "copy.db";
  std::ofstream(copy, std::ios::binary) << bytes;
  CHECK(inspect_store(copy).value().incidents == 1);
  CHECK(service.post("/api/v1/backups/read", dump({{"name", name}, {"offset", bytes.size()}})).body.empty());
  CHECK(service.send("DELETE", "/api/v1/backups/" + name, "").status == 200);
  CHECK(service.send("DELETE", "/api/v1/backups/" + name, "").status == 404);
  CHECK(fs::is_empty(service.folder.path() / "data" / "backups"));
}

TEST_CASE("no other file can be read or deleted as a backup") {
  OnDisk service;
  const std::string name =
      GENERATE("../heal.db", "heal.db", "heal-../../etc.db", "heal-1.db", "", "heal-/etc/passwd.db");
  CAPTURE(name);
  CHECK(service.post("/api/v1/backups/read", dump({{"name", name}, {"offset", 0}})).status == 404);
  CHECK(service.send("DELETE", "/api/v1/backups/" + name, "").status == 404);
  CHECK(fs::exists(service.folder.path() / "data" / "heal.db"));
}

/// A store whose journal takes as long to check as the test likes.
struct SlowStore : FailingStore {
  using FailingStore::FailingStore;
  Result<JournalCheck> check_journal() override {
    begun.set_value();
    go_on.get_future().wait();
    return FailingStore::check_journal();
  }
  std::promise<void> begun, go_on;
};

TEST_CASE("the store is read as a whole for one at a time") {
  Service service;
  const auto slow = std::make_shared<SlowStore>(service.memory);
  service.store = slow;
  REQUIRE(service.start().has_value());
  auto first = service.ask("GET /api/v1/journal");
  slow->begun.get_future().wait();
  for (const Reply& reply : {service.get("/api/v1/journal"), service.post("/api/v1/backups", "")}) {
    CHECK(reply.status == 503);
    CHECK(reply.header("Retry-After") == "5");
    CHECK(json_of(reply)["error"]["message"] == "the store is being read for somebody else; ask again");
  }
  slow->go_on.set_value();
  CHECK(first.read_reply().status == 200);
}

TEST_CASE("a store without files has no backup") {
  Service service;
  REQUIRE(service.start().has_value());
  const Reply made = service.post("/api/v1/backups", "");
  CHECK(made.status == 409);
  CHECK(json_of(made)["error"]["message"] == "a store in memory has no files");
}

TEST_CASE("retention deletes what is older than heal.yml says, and nothing without it") {
  auto memory = std::make_shared<MemoryStore>();
  FakeClock clock;
  Incident old;
  old.id = "old";
  old.state = IncidentState::kClosed;
  old.times.detected_at = old.times.closed_at = clock.now() - 100h;
  Incident young = old;
  young.id = "young";
  young.times.detected_at = young.times.closed_at = clock.now() - 20h;
  REQUIRE(memory->commit({PutIncident{old}, PutIncident{young}}));
  std::stop_source stopped;
  Retention retention(*memory, clock, Logger::none(), [&]() -> std::optional<Duration> { return std::nullopt; });
  CHECK(retention.run_once(stopped.get_token()).value() == Swept{});
  Retention day(*memory, clock, Logger::none(), [] { return std::optional<Duration>(50h); });
  CHECK(day.run_once(stopped.get_token()).value() == Swept{1, 0, 0, std::nullopt});
  CHECK_FALSE(memory->incident("old").value());
  CHECK(memory->incident("young").value());
}

TEST_CASE("retention deletes nothing by a clock that was set") {
  auto memory = std::make_shared<MemoryStore>();
  FakeClock clock;
  Incident young;
  young.id = "young";
  young.state = IncidentState::kClosed;
  young.times.detected_at = young.times.closed_at = clock.now() - 20h;
  std::vector<StoreWrite> begun{PutIncident{young}};
  SECTION("while the service runs") {
    REQUIRE(memory->commit(begun));
  }
  SECTION("before its start") {
    begun.emplace_back(PutValue{"retention_clock", format_rfc3339_nano(clock.now())});
    REQUIRE(memory->commit(begun));
    clock.set_now(clock.now() + 365 * 24h);
  }
  Retention retention(*memory, clock, Logger::none(), [] { return std::optional<Duration>(50h); });
  retention.start();
  clock.wait_for_sleepers(1);
  if (clock.now() - *young.times.closed_at < 24h) clock.set_now(clock.now() + 365 * 24h);
  const auto pass = [&] {
    clock.advance_to_next();
    clock.wait_for_sleepers(1);
  };
  for (int i = 0; i < 24; ++i)
    pass();
  CHECK(memory->incident("young").value());
  for (int i = 0; i < 3; ++i)
    pass();
  CHECK_FALSE(memory->incident("young").value());
}

TEST_CASE("while only the reserve is left nothing new is taken, with 503 and Retry-After") {
  Service service;
  REQUIRE(service.start().has_value());
  service.store->refuse_new(make_error(ErrorCode::kStorage, "the disk is full"));
  const auto refused = [](const Reply& reply) {
    CHECK(reply.status == 503);
    CHECK(reply.header("Retry-After") != "");
    CHECK(json_of(reply)["error"] == Json{{"code", "storage"}, {"message", "the disk is full"}});
  };
  refused(service.post("/webhook", service.notification()));
  const Json heal{{"playbook", "restart-container"}, {"target", "container/local/nginx"}, {"by", "ada"}};
  refused(service.post("/api/v1/heals", dump(heal)));
  CHECK(service.memory->unresolved_episodes()->empty());
  CHECK(service.memory->open_incidents()->empty());
  CHECK(service.restarts() == 0);
}

}  // namespace
}  // namespace heal::webhook::test
