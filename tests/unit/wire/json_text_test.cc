#include "common/wire/json_text.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/model/incident_times.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal {
namespace {

const std::string kOdd = std::string("a\"b\\\n\t\x7f/\xC3\xA4 \xFF {{ }}") + '\0' + "end";

TEST_CASE("labels are written as dump() writes them") {
  const Labels labels = GENERATE(Labels{}, Labels{{"a", ""}}, Labels{{"alertname", "Down"}, {"odd", kOdd}, {kOdd, "x"}},
                                 Labels{{"quoted", "a\\b=\"c\"\\"}, {"long", std::string(200, '"') + "x"}});
  CHECK(json_text(labels) == dump(to_json_value(labels)));
}

TEST_CASE("an array of texts is written as dump() writes it") {
  const std::vector<std::string> texts =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{""}, std::vector<std::string>{"a", kOdd, "b"});
  CHECK(json_text(texts) == dump(Json(texts)));
}

TEST_CASE("an incident is written as dump() writes it, but for what says nothing") {
  Incident bare;
  Incident full;
  full.id = "01J";
  full.target = TargetId{"container", "local", "web"};
  full.name = kOdd;
  full.type = "ALERT";
  full.state = IncidentState::kVerifying;
  full.reason = "because";
  full.message = kOdd;
  full.playbook = "restart";
  full.plan_hash = "ab";
  full.attempt = 3;
  full.times.failed_at = WallTime(std::chrono::milliseconds(1234567));
  full.times.detected_at = WallTime(std::chrono::nanoseconds(1234568000000001));
  full.times.verified_at = WallTime(std::chrono::hours(500'000));
  full.times.closed_at = WallTime(-std::chrono::seconds(5));
  full.episode_keys = {"am:1", kOdd};
  full.requested_by = "ops";
  full.drill = "01F";
  full.failure_reason = "out of memory";
  full.exit_code = GENERATE(0, -137);
  const Incident& incident = GENERATE(false, true) ? full : bare;
  Json expected = to_json(incident);
  for (const char* const name : {"mttd_seconds", "mttr_seconds"})
    expected.erase(name);
  for (const char* const name : {"drill", "failure_reason", "plan_hash", "playbook", "requested_by"}) {
    if (expected[name] == "") expected.erase(name);
  }
  for (const char* const name : {"exit_code", "target"}) {
    if (expected[name].is_null()) expected.erase(name);
  }
  if (incident.attempt == 0) expected.erase("attempt");
  for (const NamedTime& time : kIncidentTimes) {
    if (!(incident.times.*time.time)) expected["times"].erase(fmt::format("{}_at", time.name));
  }
  CHECK(json_text(incident) == dump(expected));
}

TEST_CASE("members of an object are separated, whatever they are") {
  CHECK(JsonObjectText().take() == "{}");
  CHECK(JsonObjectText().text("a", "x").number("b", -1).raw("c", "[1]").time("d", {}).take() ==
        R"({"a":"x","b":-1,"c":[1],"d":null})");
}

}  // namespace
}  // namespace heal
