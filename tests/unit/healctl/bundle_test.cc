#include <filesystem>

#include <catch2/catch.hpp>

#include "common/config/file.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

Json entry_of(std::uint64_t sequence, const std::string& kind, const Json& data) {
  TimelineEntry entry;
  entry.sequence = sequence;
  entry.at = FakeClock::kStart;
  entry.incident_id = "01J8";
  entry.kind = kind;
  entry.message = kind;
  entry.data = dump(data);
  return to_json(entry);
}

std::string page_of(const Json& entries, const Json& cursor) {
  return text_of(Json{{"timeline", entries}, {"timeline_total", 3}, {"next_cursor", cursor}});
}

TEST_CASE("a bundle holds the whole story, the evidence, and what the checks said before and after") {
  const test::TempFolder folder;
  const std::string file = folder.file("incident.json");
  Bench bench;
  Incident incident = healed_incident();
  incident.id = "01J8";
  incident.state = IncidentState::kEscalated;
  bench.on("GET", "/incidents/01J8", 200, story_of(incident));
  const Json before = Json::array({Json{{"name", "health"}, {"value", "fail (wanted: fail): 503"}}});
  const Json decision{{"guards", Json::array({Json{{"guard", "before"}, {"inputs", before}}})}};
  const Json verify{{"answer", "fail"}};
  const Json evidence{{"logs", "boom"}, {"health", {{"answer", "fail"}, {"message", "503"}}}};
  bench.on("GET", "/incidents/01J8/timeline?limit=500", 200,
           page_of(Json::array({entry_of(1, "decision", decision), entry_of(2, "verify", verify)}), "2"));
  bench.on("GET", "/incidents/01J8/timeline?limit=500&cursor=2", 200,
           page_of(Json::array({entry_of(3, "evidence", evidence)}), nullptr));
  bench.on("GET", "/incidents/01J8/explain", 200, R"({"incident":null,"text":"why"})");
  CHECK(bench.run({"incidents", "show", "01J8", "--bundle", file}) ==
        Ran{Exit::kDone, "", file + ": 3 entries of incident 01J8\n"});
  const Json bundle = parse_json(config::read_text_file(file).value()).value();
  CHECK(bundle["incident"] == to_json(incident));
  CHECK(bundle["timeline"].size() == 3);
  CHECK(bundle["explain"] == "why");
  CHECK(bundle["evidence"] == evidence);
  CHECK(bundle["checks"] == Json{{"before", before}, {"after", verify}, {"when_called", evidence["health"]}});
  CHECK(bench.run({"incidents", "show", "01J8", "--bundle", file}).exit == Exit::kFailed);  // nothing is overwritten
}

TEST_CASE("a bundle that cannot be had leaves no file") {
  const test::TempFolder folder;
  Bench bench;
  bench.on("GET", "/incidents/01J8", 404, R"({"error":{"code":"not_found","message":"there is no incident 01J8"}})");
  CHECK(bench.run({"incidents", "show", "01J8", "--bundle", folder.file("a.json")}).exit == Exit::kFailed);
  bench.on("GET", "/incidents/02", 200, story_of(healed_incident()));
  bench.on("GET", "/incidents/02/timeline?limit=500", 200, R"({"entries":[]})");
  CHECK(bench.run({"incidents", "show", "02", "--bundle", folder.file("b.json")}).exit == Exit::kUnreachable);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace heal::ctl
