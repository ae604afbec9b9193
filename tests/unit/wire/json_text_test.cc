#include "common/wire/json_text.h"

#include <catch2/catch.hpp>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"

namespace heal {
namespace {

const std::string kOdd = std::string("a\"b\\\n\t\x7f/\xC3\xA4 \xFF {{ }}") + '\0' + "end";

TEST_CASE("labels are written as dump() writes them") {
  const Labels labels =
      GENERATE(Labels{}, Labels{{"a", ""}}, Labels{{"alertname", "Down"}, {"odd", kOdd}, {kOdd, "x"}});
  CHECK(json_text(labels) == dump(to_json_value(labels)));
}

TEST_CASE("an incident is written as dump() writes it") {
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
  full.exit_code = -137;
  full.drill = "01F";
  full.failure_reason = "out of memory";
  const Incident& incident = GENERATE(false, true) ? full : bare;
  CHECK(json_text(incident) == dump(to_json(incident)));
}

TEST_CASE("members of an object are separated, whatever they are") {
  CHECK(JsonObjectText().take() == "{}");
  CHECK(JsonObjectText().text("a", "x").number("b", -1).raw("c", "[1]").time("d", {}).take() ==
        R"({"a":"x","b":-1,"c":[1],"d":null})");
}

}  // namespace
}  // namespace heal
