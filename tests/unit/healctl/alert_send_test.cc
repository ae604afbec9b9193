#include <catch2/catch.hpp>

#include "common/wire/alertmanager.h"
#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

TEST_CASE("alert send posts to Alertmanager's API") {
  Bench bench;
  bench.http.on("POST", "http://am:9093/api/v2/alerts", HttpAnswer::of(200));
  const auto ran = bench.run({"alert", "send", "--to", "http://am:9093/", "--label", "alertname=NginxDown", "--label",
                              "container=nginx", "--annotation", "summary=drill", "--for", "2m"});
  CHECK(ran == Ran{Exit::kDone, "",
                   "firing {alertname=\"NginxDown\", container=\"nginx\"} sent to http://am:9093/api/v2/alerts\n"});
  const auto body = parse_json(bench.last_request().body);
  REQUIRE(body);
  CHECK(body->at(0).at("labels") == Json{{"alertname", "NginxDown"}, {"container", "nginx"}});
  CHECK(body->at(0).at("annotations") == Json{{"summary", "drill"}});
  CHECK(body->at(0).at("startsAt") == "2030-01-02T03:04:05Z");
  CHECK(body->at(0).at("endsAt") == "2030-01-02T03:06:05Z");
}

TEST_CASE("alert send --webhook posts what our own intake reads") {
  Bench bench;
  bench.http.on("POST", "http://localhost:9095/webhook", HttpAnswer::of(202, R"({"accepted":1})"));
  const auto ran = bench.run(
      {"alert", "send", "--webhook", "http://localhost:9095/webhook", "--label", "alertname=NginxDown", "--resolved"});
  CHECK(ran.exit == Exit::kDone);
  CHECK(ran.out == "{\"accepted\":1}\n");
  const auto parsed = parse_alertmanager_v4(bench.last_request().body);
  REQUIRE(parsed);
  REQUIRE(parsed->group.alerts.size() == 1);
  const auto& alert = parsed->group.alerts.front();
  CHECK(alert.status == AlertStatus::kResolved);
  CHECK(alert.labels == Labels{{"alertname", "NginxDown"}});
  CHECK(alert.fingerprint == fingerprint_of(alert.labels));
  CHECK(alert.starts_at == FakeClock::kStart - 5min);
  CHECK(alert.ends_at == FakeClock::kStart);
}

TEST_CASE("alert send refuses labels that Alertmanager would") {
  const auto refuse = [](std::vector<std::string> args) {
    Bench bench;
    args.insert(args.begin(), {"alert", "send"});
    const auto ran = bench.run(args);
    CHECK(ran.exit == Exit::kUsage);
    CHECK(bench.http.requests().empty());
    return ran.err;
  };
  CHECK(refuse({"--label", "a=b"}) == "healctl: error: an alert needs --label alertname=NAME\n");
  CHECK(refuse({"--label", "alertname=A", "--label", "a-b=c"}) == "healctl: error: \"a-b\" is no label name\n");
  CHECK(refuse({"--label", "alertname="}) ==
        "healctl: error: label \"alertname\" is empty, which is the same as not there\n");
}

}  // namespace
}  // namespace heal::ctl
