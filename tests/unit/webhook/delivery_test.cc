#include <algorithm>
#include <future>

#include <catch2/catch.hpp>

#include "common/wire/sns.h"
#include "tests/support/rsa_signer.h"
#include "tests/unit/webhook/service.h"

// Senders other than Alertmanager, through the real routes to an incident.

namespace heal::webhook::test {
namespace {

constexpr const char* kTopic = "arn:aws:sns:eu-test-1:000000000000:heal";
constexpr const char* kCertUrl = "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-test.pem";

/// Routes of every sender to the container, and a playbook that looks for itself.
std::string heal_yml(const std::string& sources = "") {
  std::string out = kHealYml;
  for (const char* name : {"cpu-high", "HighMem", "EcsContainerCrash", "EcsHealthCheckFailure", "DatasourceNoData"})
    out += std::string("  - {match: ['alertname=\"") + name +
           "\"'], playbook: restart-container, target: container/local/nginx}\n";
  return out + sources;
}

std::string looking_playbook() {
  std::string out = kRestart;
  return out.insert(out.find("steps:"), "before: [{check: health, is: failing}]\n");
}

struct Bench {
  explicit Bench(const std::string& sources = "") {
    service.write("heal.yml", heal_yml(sources));
    service.write("playbooks/restart.yml", looking_playbook());
  }
  void start() { REQUIRE(service.start().has_value()); }
  Reply send(const std::string& source, const Json& body) {
    return service.post("/api/v1/ingest/" + source, dump(body));
  }
  std::string now(Duration ago = 0s) { return format_rfc3339_nano(service.clock->now() - ago); }
  std::string events(const std::string& source, const std::string& result) {
    return service.metric("heal_events_received_total{result=\"" + result + "\",source=\"" + source + "\"}");
  }

  Json azure(const std::string& condition = "Fired") {
    return {{"schemaId", "azureMonitorCommonAlertSchema"},
            {"data",
             {{"essentials",
               {{"alertId", "/subscriptions/s0/alerts/a-1"},
                {"alertRule", "cpu-high"},
                {"monitorCondition", condition},
                {"firedDateTime", fired_at},
                {"resolvedDateTime", condition == "Resolved" ? Json(now()) : Json()}}}}}};
  }
  Json grafana() {
    return {{"version", "1"},
            {"orgId", 1},
            {"receiver", "heal"},
            {"alerts", Json::array({{{"status", "firing"},
                                     {"labels", {{"alertname", "HighMem"}}},
                                     {"startsAt", fired_at},
                                     {"endsAt", "0001-01-01T00:00:00Z"},
                                     {"fingerprint", "1111222233334444"}}})}};
  }
  Json ecs(const std::string& task = "t1", const std::string& status = "STOPPED") {
    Json detail{{"taskArn", "arn:aws:ecs:eu-test-1:0:task/c1/" + task},
                {"clusterArn", "arn:aws:ecs:eu-test-1:0:cluster/c1"},
                {"group", "service:cart"},
                {"desiredStatus", status},
                {"lastStatus", status}};
    if (status == "STOPPED") {
      detail["stopCode"] = "EssentialContainerExited";
      detail["stoppedAt"] = fired_at;
      detail["containers"] = Json::array({{{"name", "cart"}, {"exitCode", 137}, {"reason", "OutOfMemoryError"}}});
    } else {
      detail["startedAt"] = now();
    }
    return {{"source", "aws.ecs"}, {"detail-type", "ECS Task State Change"}, {"time", now()}, {"detail", detail}};
  }
  Json sns(const std::string& type, const std::string& message) {
    return {{"Type", type},
            {"MessageId", "m-1"},
            {"TopicArn", kTopic},
            {"Message", message},
            {"Timestamp", now()},
            {"Token", "t0k3n"},
            {"SubscribeURL", "https://sns.eu-test-1.amazonaws.com/?Action=ConfirmSubscription&Token=t0k3n"},
            {"SignatureVersion", "2"},
            {"SigningCertURL", kCertUrl}};
  }
  /// As SNS signs it.
  Json signed_by(const heal::test::RsaSigner& signer, Json body) {
    const auto message = parse_sns(dump(body)).value();
    const auto digest = body["SignatureVersion"] == "2" ? SignatureDigest::kSha256 : SignatureDigest::kSha1;
    body["Signature"] = signer.sign(digest, sns_signed_text(message));
    return body;
  }
  std::size_t fetches() {
    const auto requests = service.http->requests();
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(), [](const auto& request) {
      return request.url.find("amazonaws") != std::string::npos;
    }));
  }

  Service service;
  std::string fired_at = now(10s);
};

TEST_CASE("what each sender tells becomes one incident that is healed once, however often it is told") {
  Bench bench;
  bench.start();
  bench.service.engine->crash("nginx", 1);
  const std::string source = GENERATE("azure-monitor", "grafana", "eventbridge");
  CAPTURE(source);
  const Json body = source == "grafana" ? bench.grafana() : source == "eventbridge" ? bench.ecs() : bench.azure();
  const Reply first = bench.send(source, body);
  REQUIRE(first.status == 202);
  const std::string id = bench.service.memory->incidents({}).value().front().id;
  CHECK(body_of(first) ==
        Json{{"accepted", 1}, {"duplicates", 0}, {"rejected", Json::array()}, {"incidents", Json::array({id})}});
  const Reply again = bench.send(source, body);
  CHECK(again.status == 200);
  CHECK(body_of(again)["duplicates"] == 1);
  CHECK(bench.service.run_to(IncidentState::kClosed) == id);
  CHECK(bench.send(source, body).status == 200);
  CHECK(bench.service.restarts() == 1);
  CHECK(bench.service.memory->incidents({}).value().size() == 1);
  CHECK(bench.events(source, "accepted") == "1");
  CHECK(bench.events(source, "duplicate") == "2");
}

TEST_CASE("without a check of its own, a playbook does not act on what cannot be asked") {
  Bench bench;
  bench.service.write("playbooks/restart.yml", kRestart);
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("azure-monitor", bench.azure()).status == 202);
  bench.service.run_to(IncidentState::kHeld);
  CHECK(bench.service.memory->incidents({}).value().front().reason == "cannot_be_asked");
  CHECK(bench.service.restarts() == 0);
}

TEST_CASE("an end that comes before its beginning is kept, and nothing is done") {
  Bench bench;
  bench.start();
  bench.service.engine->crash("nginx", 1);
  CHECK(bench.send("azure-monitor", bench.azure("Resolved")).status == 202);
  CHECK(bench.send("azure-monitor", bench.azure("Fired")).status == 200);
  CHECK(bench.service.memory->incidents({}).value().empty());
  CHECK(bench.events("azure-monitor", "late_resolve") == "1");
}

TEST_CASE("a task that the platform has replaced ends what its stop began; one on purpose, or on its way, is ignored") {
  Bench bench;
  bench.service.write("playbooks/restart.yml", kRestart);  // it is held, and waits
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("eventbridge", bench.ecs()).status == 202);
  const std::string id = bench.service.run_to(IncidentState::kHeld);
  const Reply pending = bench.send("eventbridge", bench.ecs("t2", "PENDING"));
  CHECK(pending.status == 200);
  CHECK(body_of(pending)["ignored"] == Json::array({{{"index", 0}, {"reason", "task t2 is PENDING"}}}));
  CHECK(bench.events("eventbridge", "ignored") == "1");
  const Reply running = bench.send("eventbridge", bench.ecs("t2", "RUNNING"));
  CHECK(running.status == 202);
  CHECK(body_of(running)["incidents"] == Json::array({id}));
  const Incident incident = bench.service.memory->incident(id).value().value();
  CHECK(incident.state == IncidentState::kStale);
  CHECK(incident.reason == "task_running");
  CHECK(incident.type == "CONTAINER_CRASH");
  CHECK(incident.exit_code == 137);
  CHECK(incident.times.resolved_at.has_value());
  CHECK(bench.service.restarts() == 0);
}

TEST_CASE("what no more is heard of ends by time, and nothing follows from it") {
  Bench bench("sources: {eventbridge: {expire: 10m}}\n");
  bench.service.write("playbooks/restart.yml", kRestart);
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("eventbridge", bench.ecs()).status == 202);
  bench.service.run_to(IncidentState::kHeld);
  const WallTime before = bench.service.clock->now();
  const std::string id = bench.service.run_to(IncidentState::kStale);
  CHECK(bench.service.clock->now() - before >= 9min);
  CHECK(bench.service.memory->incident(id).value()->reason == "expired");
  CHECK(bench.service.restarts() == 0);
}

TEST_CASE("that nothing more is heard is no proof of health: attempts and breakers are not forgotten by it") {
  Bench bench("sources: {eventbridge: {expire: 10m}}\n");
  bench.service.http->on("GET", "http://nginx/healthz", [](const HttpClientRequest&) {
    return HttpAnswer::failing(make_error(ErrorCode::kUnavailable, "connection refused"));
  });
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("eventbridge", bench.ecs()).status == 202);
  const std::string id = bench.service.run_to(IncidentState::kFailed);
  bench.service.run_until([&] { return bench.service.memory->incident(id).value()->times.resolved_at.has_value(); });
  const auto history = bench.service.memory->value("target/container/local/nginx").value();
  REQUIRE(history);
  CHECK(parse_json(*history).value()["healthy_since"].is_null());
}

TEST_CASE("a stop that is told after the running task that replaced it is over, and nothing is done") {
  Bench bench;
  bench.start();
  bench.service.engine->crash("nginx", 1);
  CHECK(bench.send("eventbridge", bench.ecs("t2", "RUNNING")).status == 200);
  REQUIRE(bench.send("eventbridge", bench.ecs()).status == 202);
  const auto incidents = bench.service.memory->incidents({}).value();
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].state == IncidentState::kStale);
  CHECK(incidents[0].reason == "task_running");
  CHECK(bench.events("eventbridge", "over") == "1");
}

TEST_CASE("a failed health check is over when another task is seen healthy, though it was started before the stop") {
  Bench bench;
  bench.service.write("playbooks/restart.yml", kRestart);  // it is held, and waits
  bench.start();
  Json stop = bench.ecs();
  stop["detail"]["stopCode"] = "ServiceSchedulerInitiated";
  stop["detail"]["stoppedReason"] = "Task failed container health checks";
  REQUIRE(bench.send("eventbridge", stop).status == 202);
  bench.service.run_to(IncidentState::kHeld);
  Json run = bench.ecs("t2", "RUNNING");
  run["detail"]["startedAt"] = bench.now(1h);
  CHECK(bench.send("eventbridge", run).status == 200);  // nothing says that it is healthy
  run["detail"]["containers"] = Json::array({{{"name", "cart"}, {"healthStatus", "HEALTHY"}}});
  CHECK(bench.send("eventbridge", run).status == 202);
  CHECK(bench.service.memory->incidents({}).value().front().state == IncidentState::kStale);
}

TEST_CASE("a deployment of no service ends nothing") {
  Bench bench;
  bench.service.write("playbooks/restart.yml", kRestart);
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("eventbridge", bench.ecs()).status == 202);
  bench.service.run_to(IncidentState::kHeld);
  const Json event{{"source", "aws.ecs"},
                   {"detail-type", "ECS Deployment State Change"},
                   {"time", bench.now()},
                   {"resources", Json::array({""})},
                   {"detail", {{"eventName", "SERVICE_DEPLOYMENT_COMPLETED"}, {"deploymentId", "d"}}}};
  CHECK(bench.send("eventbridge", event).status == 400);
  CHECK(bench.service.memory->incidents({}).value().front().state == IncidentState::kHeld);
}

TEST_CASE("a series that is gone does not end Grafana's alert; an hour without a word does") {
  Bench bench("sources: {grafana: {expire: 1h}}\n");
  bench.service.write("playbooks/restart.yml", kRestart);
  bench.start();
  bench.service.engine->crash("nginx", 1);
  REQUIRE(bench.send("grafana", bench.grafana()).status == 202);
  const std::string id = bench.service.run_to(IncidentState::kHeld);
  Json over = bench.grafana();
  over["alerts"][0]["status"] = "resolved";
  over["alerts"][0]["endsAt"] = bench.now();
  over["alerts"][0]["annotations"] = {{"grafana_state_reason", "MissingSeries"}};
  CHECK(bench.send("grafana", over).status == 200);
  CHECK(bench.service.memory->incident(id).value()->state == IncidentState::kHeld);
  bench.service.clock->advance(1h);
  CHECK(bench.service.run_to(IncidentState::kStale) == id);
  CHECK(bench.service.memory->incident(id).value()->reason == "expired");
}

TEST_CASE("what a sender's route cannot read is 400 with the place, counted and kept in quarantine") {
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"], signature: off}}\n");
  bench.start();
  const std::string source = GENERATE("azure-monitor", "grafana", "eventbridge", "sns", "alertmanager");
  CAPTURE(source);
  for (const std::string& body : {std::string("{"), std::string("[]"), std::string("{\"a\": \"\xff\"}"),
                                  std::string(500, '[') + std::string(500, ']'), std::string("{}")}) {
    const Reply reply = bench.service.post("/api/v1/ingest/" + source, body);
    CAPTURE(body);
    CHECK(reply.status == 400);
    CHECK(body_of(reply)["error"]["code"] == "invalid");
  }
  CHECK(bench.events(source, "rejected") == "5");
  CHECK(bench.service.memory->incidents({}).value().empty());
}

TEST_CASE("a signed event of a named topic is taken, and is the same event as one that came without the envelope") {
  const heal::test::RsaSigner signer;
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"]}}\n");
  bench.service.http->on("GET", kCertUrl,
                         [&](const HttpClientRequest&) { return HttpAnswer::of(200, signer.certificate()); });
  bench.start();
  bench.service.engine->crash("nginx", 1);
  const Json event = bench.ecs();
  REQUIRE(bench.send("sns", bench.signed_by(signer, bench.sns("Notification", dump(event)))).status == 202);
  CHECK(bench.send("sns", bench.signed_by(signer, bench.sns("Notification", dump(event)))).status == 200);
  CHECK(bench.send("eventbridge", event).status == 200);
  CHECK(bench.fetches() == 1);
  CHECK(bench.events("eventbridge", "duplicate") == "2");
  const Reply other = bench.send("sns", bench.signed_by(signer, bench.sns("Notification", "hello")));
  CHECK(other.status == 400);
  CHECK(body_of(other)["error"]["message"].get<std::string>().starts_with("/Message: "));
}

struct Forged {
  const char* name;
  const char* member;
  const char* value;
  const char* message;
};

TEST_CASE(
    "a message of SNS that is altered, old, of another topic or certified elsewhere is refused and fetches nothing") {
  const auto c = GENERATE(values<Forged>({
      {"message", "Message", "\"x\"", "/Signature: the signature does not fit"},
      {"id", "MessageId", "\"m-9\"", "/Signature: the signature does not fit"},
      {"subject", "Subject", "\"x\"", "/Signature: the signature does not fit"},
      {"time", "Timestamp", "\"2001-01-01T00:00:00Z\"",
       "/Timestamp: expected one of the last hour, got \"2001-01-01T00:00:00Z\""},
      {"topic", "TopicArn", "\"arn:other\"", "/TopicArn: \"arn:other\" is not one of sources.sns.topics"},
      {"no signature", "Signature", "null", "/Signature: the signature is not base64"},
      {"old signature", "SignatureVersion", "\"1\"",
       "/SignatureVersion: expected \"2\", got \"1\" (set SignatureVersion of the topic to 2, or "
       "sources.sns.signature in heal.yml)"},
  }));
  CAPTURE(c.name);
  const heal::test::RsaSigner signer;
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"], certificate_files: [sns.pem]}}\n");
  bench.service.write("sns.pem", signer.certificate());
  bench.start();
  Json body = bench.signed_by(signer, bench.sns("Notification", dump(bench.ecs())));
  body[c.member] = parse_json(c.value).value();
  const Reply reply = bench.send("sns", body);
  CHECK(reply.status == 400);
  CHECK(body_of(reply)["error"]["message"] == c.message);
  CHECK(bench.fetches() == 0);
  CHECK(bench.service.memory->incidents({}).value().empty());
}

TEST_CASE(
    "certificates come from the topic's host of SNS alone; what is none is 503, not asked for again for a minute, and "
    "taken afterwards") {
  const heal::test::RsaSigner signer;
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"]}}\n");
  bool is_up = false;
  const bool is_moved = GENERATE(true, false);
  bench.service.http->on("GET", kCertUrl, [&](const HttpClientRequest&) {
    if (is_up) return HttpAnswer::of(200, signer.certificate());
    return is_moved ? HttpAnswer::of(302, "") : HttpAnswer::of(200, "<html>please sign in</html>");
  });
  bench.start();
  Json body = bench.sns("Notification", dump(bench.ecs()));
  const std::string name = "/SimpleNotificationService-test.pem";
  for (const std::string& url :
       {"http://sns.eu-test-1.amazonaws.com" + name, "https://evil.example" + name,
        "https://sns.eu-other-1.amazonaws.com" + name, "https://sns.s3.amazonaws.com" + name,
        std::string("https://sns.eu-test-1.amazonaws.com/a.txt"), "https://sns.eu-test-1.amazonaws.com/?" + name}) {
    body["SigningCertURL"] = url;
    CHECK(bench.send("sns", bench.signed_by(signer, body)).status == 400);
  }
  CHECK(bench.fetches() == 0);
  body["SigningCertURL"] = kCertUrl;
  CHECK(bench.send("sns", bench.signed_by(signer, body)).status == 503);
  is_up = true;
  CHECK(bench.send("sns", bench.signed_by(signer, body)).status == 503);
  CHECK(bench.fetches() == 1);
  bench.service.clock->advance(1min);
  CHECK(bench.send("sns", bench.signed_by(signer, body)).status == 202);
}

TEST_CASE("a certificate that comes slowly keeps one message waiting, the others are 503 and nobody else waits") {
  const heal::test::RsaSigner signer;
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"]}}\n");
  std::promise<void> arrived;
  auto answer = arrived.get_future().share();
  bench.service.http->on("GET", kCertUrl, [&, answer](const HttpClientRequest&) {
    answer.wait();
    return HttpAnswer::of(200, signer.certificate());
  });
  bench.start();
  const Json body = bench.signed_by(signer, bench.sns("Notification", dump(bench.ecs())));
  auto first = bench.service.ask("POST /api/v1/ingest/sns", dump(body));
  bench.service.await([&] { return bench.fetches() == 1; });
  for (int i = 0; i < 20; ++i) {
    const Reply other = bench.send("sns", body);
    CHECK(other.status == 503);
    CHECK_FALSE(other.header("Retry-After").empty());
  }
  CHECK(bench.service.post("/webhook", bench.service.notification()).status == 202);
  CHECK(bench.fetches() == 1);
  arrived.set_value();
  CHECK(first.read_reply().status == 202);
}

TEST_CASE("a subscription is never confirmed by itself; the log says how a person does") {
  const heal::test::RsaSigner signer;
  Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"], certificate_files: [sns.pem]}}\n");
  bench.service.write("sns.pem", signer.certificate());
  bench.start();
  const auto requests = bench.service.http->requests().size();
  for (const char* type : {"SubscriptionConfirmation", "UnsubscribeConfirmation"}) {
    const Reply reply = bench.send("sns", bench.signed_by(signer, bench.sns(type, "please")));
    CHECK(reply.status == 200);
    CHECK(body_of(reply)["ignored"].size() == 1);
  }
  CHECK(bench.service.http->requests().size() == requests);
  CHECK(bench.service.log().find("aws sns confirm-subscription") != std::string::npos);
  CHECK(bench.service.log().find("Action=ConfirmSubscription&Token=t0k3n") != std::string::npos);
  Json elsewhere = bench.sns("SubscriptionConfirmation", "please");
  elsewhere["SubscribeURL"] = "http://169.254.169.254/latest";
  CHECK(bench.send("sns", bench.signed_by(signer, elsewhere)).status == 200);
  CHECK(bench.service.log().find("169.254") == std::string::npos);
}

TEST_CASE("without sources.sns no topic is taken, and with signature off the topic alone decides") {
  SECTION("not configured") {
    Bench bench;
    bench.start();
    const Reply reply = bench.send("sns", bench.sns("Notification", dump(bench.ecs())));
    CHECK(reply.status == 400);
    CHECK(body_of(reply)["error"]["message"] == "/TopicArn: heal.yml has no sources.sns, so no topic is taken");
  }
  SECTION("off") {
    Bench bench("sources: {sns: {topics: [\"" + std::string(kTopic) + "\"], signature: off}}\n");
    bench.start();
    CHECK(bench.send("sns", bench.sns("Notification", dump(bench.ecs()))).status == 202);
  }
}

}  // namespace
}  // namespace heal::webhook::test
