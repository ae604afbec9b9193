#include <catch2/catch.hpp>

#include "common/remedy/source/azure_events.h"
#include "common/remedy/source/ecs_events.h"
#include "common/remedy/source/grafana_events.h"
#include "tests/unit/remedy/guard_bench.h"

// What sources tell that cannot be asked: how it becomes events, and what the guard makes of it.

namespace heal::remedy::test {
namespace {

const WallTime kAt{1'900'000'000s};

AzureAlert azure() {
  AzureAlert alert;
  alert.alert_id = "/subscriptions/s0/providers/Microsoft.AlertsManagement/alerts/a-1";
  alert.alert_rule = "cpu-high";
  alert.severity = "Sev2";
  alert.signal_type = "Metric";
  alert.monitoring_service = "Platform";
  alert.target_ids = {"/subscriptions/s0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1"};
  alert.configuration_items = {"vm1"};
  alert.fired_at = kAt;
  alert.criteria = {{"Percentage CPU", "GreaterThan", "90", "97.2", {{"host name", "h1"}}}};
  alert.custom_properties = {{"playbook", "restart-vm"}};
  return alert;
}

TEST_CASE("an alert of Azure Monitor is one event with labels that routes can match") {
  const Delivery delivery = delivery_of(azure());
  SourceEvent expected;
  expected.source = "azure-monitor";
  expected.key = "az:/subscriptions/s0/providers/Microsoft.AlertsManagement/alerts/a-1";
  expected.name = "cpu-high";
  expected.labels = {
      {"alertname", "cpu-high"},
      {"dimension_host_name", "h1"},
      {"metric", "Percentage CPU"},
      {"monitoring_service", "Platform"},
      {"resource", "vm1"},
      {"resource_group", "rg"},
      {"resource_id", "/subscriptions/s0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1"},
      {"severity", "Sev2"},
      {"signal_type", "Metric"},
      {"source", "azure-monitor"},
      {"subscription", "s0"}};
  expected.annotations = {{"playbook", "restart-vm"}};
  expected.starts_at = kAt;
  expected.facts.reason = "Percentage CPU GreaterThan 90 (is 97.2)";
  CHECK(delivery.batch == EventBatch{"azure-monitor", "", "", 0, {expected}});
}

TEST_CASE("its end has the same key, and a log alert is about the resource, not the workspace") {
  AzureAlert alert = azure();
  alert.condition = AzureAlert::Condition::kResolved;
  alert.resolved_at = kAt + 5min;
  alert.configuration_items = {"/subscriptions/s0/resourceGroups/RG/providers/Microsoft.Web/sites/api"};
  const SourceEvent event = delivery_of(alert).batch.events.at(0);
  CHECK(event.kind == SourceEvent::Kind::kResolved);
  CHECK(event.key == delivery_of(azure()).batch.events.at(0).key);
  CHECK(event.ends_at == kAt + 5min);
  CHECK(label_value(event.labels, "resource") == "api");
  CHECK(label_value(event.labels, "resource_group") == "RG");
}

EcsTaskChange task() {
  EcsTaskChange task;
  task.origin = {"e-1", "000000000000", "eu-test-1", kAt};
  task.task_arn = "arn:aws:ecs:eu-test-1:000000000000:task/c1/t1";
  task.cluster_arn = "arn:aws:ecs:eu-test-1:000000000000:cluster/c1";
  task.task_definition_arn = "arn:aws:ecs:eu-test-1:000000000000:task-definition/cart:7";
  task.group = "service:cart";
  task.launch_type = "FARGATE";
  task.desired_status = task.last_status = "STOPPED";
  task.stop_code = "EssentialContainerExited";
  task.stopped_reason = "Essential container in task exited";
  task.stopped_at = kAt - 1s;
  task.containers = {{"sidecar", "STOPPED", "", "", 0},
                     {"cart", "STOPPED", "OutOfMemoryError: container killed", "", 137}};
  return task;
}

TEST_CASE("a task that crashed is an event with its service, its container, its exit code and its reason") {
  const EcsReading reading = read_ecs(task());
  SourceEvent expected;
  expected.source = "eventbridge";
  expected.key = "ecs:arn:aws:ecs:eu-test-1:000000000000:task/c1/t1";
  expected.name = "EcsContainerCrash";
  expected.labels = {{"account", "000000000000"},
                     {"alertname", "EcsContainerCrash"},
                     {"cluster", "c1"},
                     {"container", "cart"},
                     {"exit_code", "137"},
                     {"launch_type", "FARGATE"},
                     {"reason", "OutOfMemoryError: container killed"},
                     {"region", "eu-test-1"},
                     {"service", "cart"},
                     {"source", "eventbridge"},
                     {"stop_code", "EssentialContainerExited"},
                     {"task", "t1"},
                     {"task_definition", "cart:7"},
                     {"type", "CONTAINER_CRASH"}};
  expected.annotations = {{"stopped_reason", "Essential container in task exited"}};
  expected.starts_at = kAt - 1s;
  expected.facts = {"CONTAINER_CRASH", 137, "OutOfMemoryError: container killed", "", kAt - 1s};
  CHECK(reading.delivery.batch == EventBatch{"eventbridge", "", "", 0, {expected}});
  CHECK(reading.delivery.ignored.empty());
  CHECK_FALSE(reading.recovery);
}

struct Stop {
  const char* name;
  const char* code;
  const char* reason;
  std::optional<std::int64_t> exit_code;
  const char* type;  // "" for one that is no trouble
};

TEST_CASE("what a stop is, is told by its code and reason; a wish of somebody is no trouble") {
  const auto c = GENERATE(values<Stop>({
      {"a crash", "EssentialContainerExited", "Essential container in task exited", 1, "CONTAINER_CRASH"},
      {"an end", "EssentialContainerExited", "Essential container in task exited", 0, "TASK_STOPPED"},
      {"no start", "TaskFailedToStart", "CannotPullContainerError", std::nullopt, "DEPLOYMENT_FAILURE"},
      {"a load balancer's check", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", 137,
       "HEALTH_CHECK_FAILURE"},
      {"its own check", "ServiceSchedulerInitiated", "Task failed container health checks", 137,
       "HEALTH_CHECK_FAILURE"},
      {"scaling", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", 143, ""},
      {"a person", "UserInitiated", "stopped by me", 143, ""},
      {"a person who writes of a health check", "UserInitiated", "maintenance, health check alarms are expected", 143,
       ""},
      {"the platform", "SpotInterruption", "Your Spot Task was interrupted.", 143, ""},
      {"a code that is new", "HostRetired", "Task failed health checks", 143, ""},
      {"without a code", "", "Essential container in task exited", 1, "CONTAINER_CRASH"},
  }));
  CAPTURE(c.name);
  EcsTaskChange change = task();
  change.stop_code = c.code;
  change.stopped_reason = c.reason;
  change.containers = {{"cart", "STOPPED", "", "", c.exit_code}};
  const EcsReading reading = read_ecs(change);
  if (std::string_view(c.type).empty()) {
    CHECK(reading.delivery.batch.events.empty());
    REQUIRE(reading.delivery.ignored.size() == 1);
    CHECK(reading.delivery.ignored[0].reason ==
          fmt::format("task t1 was stopped, and did not fail ({}): {}", c.code, c.reason));
  } else {
    REQUIRE(reading.delivery.batch.events.size() == 1);
    CHECK(reading.delivery.batch.events[0].facts.type == c.type);
  }
}

TEST_CASE("a job that ended well is no trouble; one that failed is, and so is a task of a service that ended") {
  EcsTaskChange job = task();
  job.group = "family:nightly-report";
  job.containers = {{"job", "STOPPED", "", "", 0}};
  const EcsReading reading = read_ecs(job);
  CHECK(reading.delivery.batch.events.empty());
  CHECK(reading.delivery.ignored == std::vector<IgnoredEvent>{{0, "task t1 is of no service, and has ended well"}});
  job.containers[0].exit_code = 1;
  CHECK(read_ecs(job).delivery.batch.events.size() == 1);
  job.containers[0].exit_code.reset();
  CHECK(read_ecs(job).delivery.batch.events.size() == 1);
}

TEST_CASE("the container that failed is named, not the sidecar that ECS killed afterwards") {
  EcsTaskChange change = task();
  change.containers = {
      {"sidecar", "STOPPED", "", "", 143}, {"proxy", "STOPPED", "", "", 137}, {"cart", "STOPPED", "", "", 1}};
  const SourceEvent event = read_ecs(change).delivery.batch.events.at(0);
  CHECK(label_value(event.labels, "container") == "cart");
  CHECK(label_value(event.labels, "exit_code") == "1");
  change.containers[2] = {"cart", "STOPPED", "OutOfMemoryError", "", 137};
  CHECK(label_value(read_ecs(change).delivery.batch.events.at(0).labels, "container") == "cart");
}

TEST_CASE("every later word about a task that stopped has the same key, and hostile names make no further one") {
  EcsTaskChange later = task();
  later.stopped_at = kAt + 1min;
  later.containers.clear();
  CHECK(read_ecs(later).delivery.batch.events.at(0).key == read_ecs(task()).delivery.batch.events.at(0).key);
  later.task_arn = "arn:x/t1#2\n";
  const std::string key = read_ecs(later).delivery.batch.events.at(0).key;
  CHECK(key.starts_with("ecs:sha256:"));
  CHECK(key.find_first_of("#\n") == std::string::npos);
}

TEST_CASE("a running task of the service is a recovery; an unhealthy one, and one of no service, is not") {
  EcsTaskChange running = task();
  running.task_arn = "arn:aws:ecs:eu-test-1:000000000000:task/c1/t2";
  running.desired_status = running.last_status = "RUNNING";
  running.started_at = kAt + 5s;
  running.containers = {{"cart", "RUNNING", "", "UNKNOWN", std::nullopt}};
  auto reading = read_ecs(running);
  REQUIRE(reading.recovery);
  CHECK(reading.recovery->sight == EcsRecovery::Sight::kRunning);
  CHECK(reading.recovery->service ==
        Labels{{"account", "000000000000"}, {"cluster", "c1"}, {"region", "eu-test-1"}, {"service", "cart"}});
  CHECK(reading.recovery->since == kAt + 5s);
  running.containers[0].health_status = "HEALTHY";
  CHECK(read_ecs(running).recovery->sight == EcsRecovery::Sight::kHealthy);
  running.containers[0].health_status = "UNHEALTHY";
  CHECK_FALSE(read_ecs(running).recovery);
  running.containers[0].health_status = "UNKNOWN";
  running.group = "family:cart";
  CHECK_FALSE(read_ecs(running).recovery);
}

TEST_CASE("Grafana's alerts keep their labels, and what it could not find out is left alone unless asked for") {
  GrafanaParse parse;
  parse.org_id = 7;
  Alert alert;
  alert.labels = {{"alertname", "HighMem"}};
  alert.starts_at = kAt;
  alert.fingerprint = "1111222233334444";
  Alert blind = alert;
  blind.labels = {{"alertname", "DatasourceNoData"}, {"rulename", "HighMem"}};
  parse.alerts.group.alerts = {blind, alert};
  const Delivery delivery = delivery_of(parse, {});
  REQUIRE(delivery.batch.events.size() == 1);
  CHECK(delivery.batch.events[0].key == "gf:7:1111222233334444:" + format_rfc3339_nano(kAt));
  CHECK(delivery.batch.events[0].labels == alert.labels);
  CHECK(delivery.ignored == std::vector<IgnoredEvent>{
                                {0, "DatasourceNoData: Grafana could not find out (sources.grafana.no_data: ignore)"}});
  const Delivery taken = delivery_of(parse, {playbook::GrafanaSourceConfig::NoData::kTake});
  CHECK(taken.batch.events.size() == 2);
  CHECK(taken.ignored.empty());
}

TEST_CASE(
    "an alert of Grafana that ended for another reason than health is not over, and one that knows nothing fires not") {
  GrafanaParse parse;
  Alert alert;
  alert.labels = {{"alertname", "HighMem"}};
  alert.starts_at = kAt;
  SECTION("resolved, because its series is missing") {
    alert.status = AlertStatus::kResolved;
    alert.annotations = {{"grafana_state_reason", "MissingSeries"}};
    parse.alerts.group.alerts = {alert};
    const Delivery delivery = delivery_of(parse, {});
    CHECK(delivery.batch.events.empty());
    CHECK(delivery.ignored ==
          std::vector<IgnoredEvent>{
              {0, "HighMem: resolved because of MissingSeries, which does not tell that it is over"}});
  }
  SECTION("firing, because there is no data") {
    alert.annotations = {{"grafana_state_reason", GENERATE("NoData", "Error", "NoData, KeepLast")}};
    parse.alerts.group.alerts = {alert};
    const Delivery delivery = delivery_of(parse, {});
    CHECK(delivery.batch.events.empty());
    CHECK(delivery.ignored ==
          std::vector<IgnoredEvent>{{0, "HighMem: Grafana could not find out (sources.grafana.no_data: ignore)"}});
    CHECK(delivery_of(parse, {playbook::GrafanaSourceConfig::NoData::kTake}).batch.events.size() == 1);
  }
}

BeforeAnswer before(playbook::Check::Wanted wanted, Answer answer) {
  BeforeAnswer out;
  out.check.wanted = wanted;
  out.result = {answer, "GET http://cart/health: status 500"};
  return out;
}

TEST_CASE("evidence of a source that cannot be asked needs the playbook's own check, or the operator's word") {
  using Wanted = playbook::Check::Wanted;
  GuardBench bench;
  const std::string told = "cpu-high: azure-monitor cannot be asked whether it is still so";
  bench.subject.origin.source = words::kAzureMonitor;
  bench.dossier.alerts = {{AlertStanding::kUnaskable, told}};
  SECTION("nothing else is known: held") {
    const Verdict verdict = bench.ask(guard_fresh_evidence);
    CHECK(verdict.kind == Verdict::Kind::kHold);
    CHECK(verdict.reason == "cannot_be_asked");
    CHECK(verdict.is_blind);
  }
  SECTION("the operator said that this is good enough") {
    bench.plan.guards.fresh_evidence.on_error = playbook::OnError::kAllow;
    CHECK(bench.ask(guard_fresh_evidence).kind == Verdict::Kind::kAllow);
  }
  SECTION("the playbook's own check sees the trouble") {
    bench.dossier.before = {before(Wanted::kFailing, Answer::kFail)};
    const Verdict verdict = bench.ask(guard_fresh_evidence);
    CHECK(verdict.kind == Verdict::Kind::kAllow);
    CHECK(verdict.reason == "own_check");
    CHECK(verdict.message == told + "; the playbook's own check sees it: GET http://cart/health: status 500");
  }
  SECTION("a check that passes, cannot be asked, or asks for something good is no such sight") {
    for (const auto& other : {before(Wanted::kFailing, Answer::kPass), before(Wanted::kFailing, Answer::kUnknown),
                              before(Wanted::kPassing, Answer::kFail)}) {
      bench.dossier.before = {other};
      CHECK(bench.ask(guard_fresh_evidence).kind == Verdict::Kind::kHold);
    }
  }
  SECTION("what its check does not see for a quarter of an hour is over: an old word heals nothing that comes later") {
    bench.dossier.before = {before(Wanted::kFailing, Answer::kPass)};
    bench.subject.incident.times.detected_at = bench.now - 15min;
    const Verdict verdict = bench.ask(guard_fresh_evidence);
    CHECK(verdict.kind == Verdict::Kind::kStale);
    CHECK(verdict.reason == "healthy");
    CHECK(verdict.message == told + "; the playbook's own check does not see it: GET http://cart/health: status 500");
    bench.dossier.before.push_back(before(Wanted::kFailing, Answer::kUnknown));
    CHECK(bench.ask(guard_fresh_evidence).kind == Verdict::Kind::kHold);
  }
  SECTION("an alert of the same trouble that is silenced still forbids it") {
    bench.dossier.before = {before(Wanted::kFailing, Answer::kFail)};
    bench.dossier.alerts.push_back({AlertStanding::kSilenced, "alert NginxDown is silenced by s1"});
    CHECK(bench.ask(guard_fresh_evidence).kind == Verdict::Kind::kRefuse);
  }
  SECTION("one that another source still sees is fresh by itself") {
    bench.dossier.alerts.push_back({AlertStanding::kActive, "alert NginxDown is active"});
    CHECK(bench.ask(guard_fresh_evidence).reason == "fresh");
  }
}

}  // namespace
}  // namespace heal::remedy::test
