#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/healctl/bench.h"

namespace heal::ctl {
namespace {

TEST_CASE("doctor shows what the service itself cannot reach") {
  Bench bench;
  bench.on("GET", "/status", 200,
           R"({"version":"0.1.0","accepting":false,"config":{"playbooks":0},"store":{"reachable":true},)"
           R"("engines":[{"name":"local","reachable":false,"error":"permission denied"}],)"
           R"("prometheus":{"reachable":false,"error":"refused"},)"
           R"("alertmanagers":[{"url":"http://am:9093","reachable":false,"error":"timed out"}]})");
  bench.on("GET", "/journal", 200, R"({"intact":false,"first_altered":7})");
  const auto ran =
      bench.run({"doctor", "--skip", "prometheus", "--skip", "alertmanager", "--skip", "exporter", "--skip", "docker"});
  CHECK(ran.exit == Exit::kFailed);
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "ok    service       http://localhost:9095, version 0.1.0\n"
        "warn  service       it takes no alerts now\n"
        "                    → it is starting or stopping: look again in a moment\n"
        "fail  service       it cannot reach the engine local: permission denied\n"
        "                    → give it the engine's socket: engines in heal.yml\n"
        "fail  service       it cannot reach Prometheus: refused\n"
        "                    → see prometheus.url in heal.yml\n"
        "fail  service       it cannot reach Alertmanager http://am:9093: timed out\n"
        "                    → see alertmanagers in heal.yml\n"
        "warn  service       it has no playbooks\n"
        "                    → see playbooks in heal.yml\n"
        "fail  journal       entry 7 was altered, or is missing\n"
        "                    → trust nothing from that entry on; keep a copy of --storage.path and find out who wrote "
        "to it\n");
}

TEST_CASE("doctor does not take another server for heal-webhook") {
  Bench bench;
  const auto answer = GENERATE(as<std::string>{}, "{}", R"({"version":"2.53.0","status":"ok"})");
  bench.on("GET", "/status", 200, answer);
  const auto ran =
      bench.run({"doctor", "--skip", "prometheus", "--skip", "alertmanager", "--skip", "exporter", "--skip", "docker"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "fail  service       http://localhost:9095 answers, but not as heal-webhook does\n"
        "                    → name heal-webhook's address with --server or HEALCTL_SERVER\n");
}

TEST_CASE("doctor tells what is there, what is missing and what to do") {
  Bench bench;
  bench.on("GET", "/status", 200, R"({"version":"0.1.0","accepting":true,"config":{},"store":{}})");
  bench.on("GET", "/journal", 200, R"({"intact":true,"first_altered":null})");
  bench.http.on("GET", "http://localhost:9090/-/ready", HttpAnswer::of(200));
  bench.http.on("GET", "http://localhost:9090/api/v1/alertmanagers",
                HttpAnswer::of(200, R"({"status":"success","data":{"activeAlertmanagers":[]}})"));
  bench.http.on("GET", "http://localhost:9093/-/ready", HttpAnswer::of(200));
  bench.http.on("GET", "http://localhost:9093/api/v2/status",
                HttpAnswer::of(200, R"({"config":{"original":"receivers: [{webhook_configs: []}]"}})"));
  bench.http.on(
      "GET", "http://localhost:9115/-/healthy",
      HttpAnswer::failing(Error(ErrorCode::kUnavailable, "GET http://localhost:9115/-/healthy: connection refused")));
  bench.engine.go_away();
  const auto ran = bench.run({"doctor"});
  CHECK(ran.exit == Exit::kUnreachable);
  CHECK(ran.err.empty());
  CHECK(ran.out ==
        "ok    settings      no configuration file, using flags, HEALCTL_SERVER and defaults\n"
        "ok    service       http://localhost:9095, version 0.1.0\n"
        "ok    journal       intact\n"
        "warn  prometheus    http://localhost:9090 sends its alerts to no Alertmanager\n"
        "                    → set alerting.alertmanagers in prometheus.yml\n"
        "ok    alertmanager  http://localhost:9093\n"
        "fail  exporter      GET http://localhost:9115/-/healthy: connection refused\n"
        "                    → start heal-exporter, or name it with --exporter\n"
        "warn  docker        /var/run/docker.sock: cannot reach the engine: connection refused\n"
        "                    → only the service needs the engine; to check it from here, run where the socket may be "
        "read, or --docker\n");
}

TEST_CASE("doctor survives nonsense from everybody") {
  Bench bench;
  for (const char* body : {"", "{", "null", "[]", "{\"data\":7,\"config\":[],\"version\":{}}", "\xff\x1b"}) {
    CAPTURE(body);
    bench.http.on("*", "http://*", [body](const HttpClientRequest&) { return HttpAnswer::of(200, body); });
    const auto ran = bench.run({"doctor", "--skip", "docker"});
    CHECK((ran.exit == Exit::kUnreachable || ran.exit == Exit::kDone));
  }
}

TEST_CASE("doctor reports a broken configuration and goes on") {
  Bench bench;
  const auto ran = bench.run({"doctor", "--config.file", "/nonexistent/config.yml", "--skip", "docker", "-o", "json"});
  CHECK(ran.exit == Exit::kFailed);
  const auto shown = parse_json(ran.out);
  REQUIRE(shown);
  CHECK(shown->at("checks").at(0).at("result") == "fail");
  CHECK(shown->at("checks").size() == 5);
}

}  // namespace
}  // namespace heal::ctl
