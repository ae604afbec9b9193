#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

/// The quarantined copies, as text.
std::vector<std::string> quarantined(const Service& service) {
  std::vector<std::string> out;
  const auto folder = service.folder.path() / "data" / "quarantine";
  if (!std::filesystem::exists(folder)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

const std::string kAccepted = R"(heal_events_received_total{result="accepted",source="alertmanager"})";
const std::string kRejected = R"(heal_events_received_total{result="rejected",source="alertmanager"})";
const std::string kStoreError = R"(heal_events_received_total{result="store_error",source="alertmanager"})";

TEST_CASE("a notification that changes something is 202, the same again is 200, and it acts once") {
  Service service;
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  const std::string body = service.notification();
  const Reply first = service.post("/webhook", body);
  REQUIRE(first.status == 202);
  const std::string id = service.memory->incidents({}).value().front().id;
  CHECK(body_of(first) ==
        Json{{"accepted", 1}, {"duplicates", 0}, {"rejected", Json::array()}, {"incidents", Json::array({id})}});
  for (const char* path : {"/webhook", "/failover", "/webhook"}) {
    const Reply again = service.post(path, body);
    CHECK(again.status == 200);
    CHECK(body_of(again) ==
          Json{{"accepted", 0}, {"duplicates", 1}, {"rejected", Json::array()}, {"incidents", Json::array({id})}});
  }
  CHECK(service.metric(kAccepted) == "1");
  CHECK(service.run_to(IncidentState::kClosed) == id);
  CHECK(service.restarts() == 1);
}

TEST_CASE("alerts that the sender left out are counted and told in the story of those that came") {
  Service service;
  REQUIRE(service.start().has_value());
  REQUIRE(service.post("/webhook", service.notification([](Json& body) { body["truncatedAlerts"] = 7; })).status ==
          202);
  CHECK(service.metric("heal_alerts_truncated_total") == "7");
  const std::string id = service.memory->incidents({}).value().front().id;
  CHECK(service.get_json("/api/v1/incidents/" + id)["timeline"][0]["data"]["truncated_alerts"] == 7);
}

TEST_CASE("a resolved alert in a firing group is a resolve, and counts as a change") {
  Service service;
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  const std::string body = service.notification();
  REQUIRE(service.post("/webhook", body).status == 202);
  const std::string id = service.run_to(IncidentState::kRecovered);
  Json over = parse_json(body).value();
  over["alerts"][0]["status"] = "resolved";
  over["alerts"][0]["endsAt"] = format_rfc3339_nano(service.clock->now());
  const Reply reply = service.post("/webhook", dump(over));
  CHECK(reply.status == 202);
  CHECK(service.post("/webhook", dump(over)).status == 200);
  const Json shown = service.get_json("/api/v1/incidents/" + id);
  CHECK(shown["incident"]["times"]["resolved_at"] == over["alerts"][0]["endsAt"]);
}

TEST_CASE("a store that fails is 503 with Retry-After and nothing is done; afterwards the same is taken") {
  Service service;
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  const std::string body = service.notification();
  service.store->fail_all(make_error(ErrorCode::kStorage, "disk full"));
  const Reply refused = service.post("/webhook", body);
  CHECK(refused.status == 503);
  CHECK(refused.header("Retry-After") == "5");
  CHECK(body_of(refused) == Json{{"error", {{"code", "storage"}, {"message", "disk full"}}}});
  CHECK(service.metric(kStoreError) == "1");
  CHECK(service.restarts() == 0);
  const Reply not_ready = service.get("/-/ready");
  CHECK(not_ready.status == 503);
  CHECK(not_ready.body.find("not ready: store: disk full") != std::string::npos);
  CHECK(service.get("/health").status == 503);
  service.store->fail_all(std::nullopt);
  CHECK(service.get("/-/ready").status == 503);  // asked of the disk every two seconds at most
  service.clock->advance(2s);
  CHECK(service.get("/-/ready").status == 200);
  CHECK(service.post("/webhook", body).status == 202);
  service.run_to(IncidentState::kClosed);
  CHECK(service.restarts() == 1);
}

TEST_CASE("what is no notification is 400 with the place, counted, logged, and kept in quarantine") {
  Service service;
  REQUIRE(service.start().has_value());
  std::string body, message;
  SECTION("no JSON") {
    body = "{\"version\": ";
    message = "";
  }
  SECTION("another version") {
    body = service.notification([](Json& group) { group["version"] = "5"; });
    message = "/version";
  }
  SECTION("no alerts") {
    body = service.notification([](Json& group) { group["alerts"] = Json::array(); });
    message = "/alerts";
  }
  SECTION("alerts of another type") {
    body = service.notification([](Json& group) { group["alerts"] = "all"; });
    message = "/alerts";
  }
  SECTION("too deep") {
    body = std::string(1000, '[') + std::string(1000, ']');
    message = "";
  }
  SECTION("too many alerts") {
    body = service.notification(
        [&](Json& group) { group["alerts"] = Json(std::size_t{10'001}, Json(group["alerts"][0])); });
    message = "/alerts: expected at most 10000 alerts, got 10001";
  }
  SECTION("too many values") {
    for (int i = 0; i < 400'000; ++i)
      body += "[],";
    body = "{\"version\": \"4\", \"alerts\": [" + body + "0]}";
    message = "more than 300000 values";
  }
  SECTION("nothing but alerts that cannot be read") {
    body = service.notification([](Json& group) { group["alerts"][0]["startsAt"] = "yesterday"; });
    message = "/alerts/0/startsAt";
  }
  const Reply reply = service.post("/webhook", body);
  INFO(reply.body);
  CHECK(reply.status == 400);
  CHECK(reply.body.find(message) != std::string::npos);
  CHECK(body_of(reply)["error"]["code"] == "invalid");
  CHECK(service.metric(kRejected) == "1");
  CHECK(service.log().find("notification rejected") != std::string::npos);
  CHECK(quarantined(service).size() == 1);
  CHECK(service.memory->incidents({}).value().empty());
}

TEST_CASE("one bad alert among good ones is kept in quarantine and the rest is accepted") {
  Service service;
  REQUIRE(service.start().has_value());
  const Reply reply = service.post("/webhook", service.notification([&](Json& group) {
    Json bad = service.firing("bad");
    bad.erase("startsAt");
    bad["annotations"] = {{"summary", "the bad one"}};
    group["alerts"].push_back(bad);
    group["alerts"].push_back(service.firing("three"));
  }));
  CHECK(reply.status == 202);
  const Json body = body_of(reply);
  CHECK(body["accepted"] == 2);
  REQUIRE(body["rejected"].size() == 1);
  CHECK(body["rejected"][0]["index"] == 1);
  CHECK(body["rejected"][0]["pointer"] == "/alerts/1/startsAt");
  CHECK(!body["rejected"][0]["reason"].get<std::string>().empty());
  const auto kept = quarantined(service);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].find("the bad one") != std::string::npos);
  CHECK(service.metric(kRejected) == "1");
}

TEST_CASE("many bad alerts in one notification make one file, one line of the log and a short answer") {
  Service service;
  REQUIRE(service.start().has_value());
  const Reply reply = service.post("/webhook", service.notification([&](Json& group) {
    for (int i = 0; i < 2000; ++i)
      group["alerts"].push_back({{"status", "firing"}, {"labels", {{"n", std::to_string(i)}}}});
  }));
  CHECK(reply.status == 202);
  const Json body = body_of(reply);
  CHECK(body["accepted"] == 1);
  CHECK(body["rejected"].size() == 100);
  CHECK(service.metric(kRejected) == "2000");
  const auto kept = quarantined(service);
  REQUIRE(kept.size() == 1);
  const Json copy = parse_json(kept[0]).value();
  CHECK(copy["alerts_rejected"] == 2000);
  CHECK(copy["alerts"].size() == 100);
  CHECK(copy["alerts"][99]["pointer"] == "/alerts/100/startsAt");
  CHECK(copy["alerts"][99]["raw"] == R"({"labels":{"n":"99"},"status":"firing"})");
  const std::string log = service.log();
  const auto first = log.find("notification rejected");
  CHECK(first != std::string::npos);
  CHECK(log.find("notification rejected", first + 1) == std::string::npos);
}

TEST_CASE("hostile labels make no file outside of the quarantine and reach no container") {
  Service service;
  REQUIRE(service.start().has_value());
  for (const std::string value : {"../../../x", "$(touch x)", "`touch x`", "{{ labels.alertname }}", "-rf", "a\nb"}) {
    const Reply reply = service.post("/webhook", service.notification([&](Json& group) {
      group["alerts"][0]["labels"] = {{"alertname", "NginxDown"}, {"container", value}, {value, value}};
      group["alerts"][0].erase("fingerprint");
    }));
    CHECK((reply.status == 202 || reply.status == 400));
  }
  service.run_until([&] {
    const auto all = service.memory->incidents({}).value();
    return std::all_of(all.begin(), all.end(), [](const Incident& incident) { return is_terminal(incident.state); });
  });
  CHECK(service.restarts() == 0);
  for (const auto& entry : std::filesystem::directory_iterator(service.folder.path())) {
    const std::string name = entry.path().filename();
    CHECK((name == "data" || name == "heal.yml" || name == "playbooks"));
  }
}

TEST_CASE("a body that is too large is 413, and without credentials it is 401") {
  Service service;
  service.write("web.yml", "basic_auth_users: {alice: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n");
  SECTION("too large") {
    REQUIRE(service.start().has_value());
    CHECK(service.post("/webhook", std::string((8 << 20) + 1, ' ')).status == 413);
    const auto refused = service.post("/api/v1/ingest/alertmanager", std::string((8 << 20) + 1, ' '));
    CHECK(refused.status == 413);
    CHECK(refused.body ==
          "{\"error\":{\"code\":\"payload_too_large\",\"message\":\"the request body is too large\"}}\n");
  }
  SECTION("no credentials, and wrong ones") {
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    REQUIRE(service.start().has_value());
    CHECK(service.post("/webhook", service.notification()).status == 401);
    CHECK(service.post("/webhook", service.notification(), "Authorization: Basic YWxpY2U6eA==\r\n").status == 401);
    CHECK(service.get("/api/v1/incidents").status == 401);
  }
  CHECK(service.memory->incidents({}).value().empty());
}

TEST_CASE("a service that stops takes nothing more: 503, or no connection, never a loss") {
  Service service;
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  const std::string id = service.memory->incidents({}).value().front().id;
  service.app->stop();
  service.app->stop();  // idempotent
  CHECK(service.log().find("stopped") != std::string::npos);
  REQUIRE(service.start().has_value());
  CHECK(service.run_to(IncidentState::kClosed) == id);
  CHECK(service.restarts() == 1);
}

}  // namespace
}  // namespace heal::webhook::test
