#include "common/wire/event_bridge.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"
#include "tests/unit/wire/at.h"

namespace heal {
namespace {

constexpr std::string_view kStopped = R"({"version":"0","id":"e-1","detail-type":"ECS Task State Change",
 "source":"aws.ecs","account":"000000000000","time":"2030-01-02T03:04:05Z","region":"eu-test-1",
 "resources":["arn:aws:ecs:eu-test-1:000000000000:task/c1/t1"],
 "detail":{"taskArn":"arn:aws:ecs:eu-test-1:000000000000:task/c1/t1",
  "clusterArn":"arn:aws:ecs:eu-test-1:000000000000:cluster/c1",
  "taskDefinitionArn":"arn:aws:ecs:eu-test-1:000000000000:task-definition/cart:7","group":"service:cart",
  "launchType":"FARGATE","desiredStatus":"STOPPED","lastStatus":"STOPPED","stopCode":"EssentialContainerExited",
  "stoppedReason":"Essential container in task exited","stoppedAt":"2030-01-02T03:04:04.5Z","version":5,
  "containers":[{"name":"cart","lastStatus":"STOPPED","exitCode":137,
   "reason":"OutOfMemoryError: container killed"}]}})";

constexpr std::string_view kFailed = R"({"version":"0","id":"e-3","detail-type":"ECS Deployment State Change",
 "source":"aws.ecs","account":"000000000000","time":"2030-01-02T03:04:09Z","region":"eu-test-1",
 "resources":["arn:aws:ecs:eu-test-1:000000000000:service/c1/cart"],
 "detail":{"eventType":"ERROR","eventName":"SERVICE_DEPLOYMENT_FAILED","deploymentId":"ecs-svc/123",
  "updatedAt":"2030-01-02T03:04:08Z","reason":"ECS deployment circuit breaker: tasks failed to start."}})";

TEST_CASE("a task that stopped is read whole") {
  const auto event = parse_event_bridge(kStopped);
  REQUIRE(event.has_value());
  EcsTaskChange expected;
  expected.origin = {"e-1", "000000000000", "eu-test-1", at("2030-01-02T03:04:05Z")};
  expected.task_arn = "arn:aws:ecs:eu-test-1:000000000000:task/c1/t1";
  expected.cluster_arn = "arn:aws:ecs:eu-test-1:000000000000:cluster/c1";
  expected.task_definition_arn = "arn:aws:ecs:eu-test-1:000000000000:task-definition/cart:7";
  expected.group = "service:cart";
  expected.launch_type = "FARGATE";
  expected.desired_status = "STOPPED";
  expected.last_status = "STOPPED";
  expected.stop_code = "EssentialContainerExited";
  expected.stopped_reason = "Essential container in task exited";
  expected.stopped_at = at("2030-01-02T03:04:04.5Z");
  expected.containers = {{"cart", "STOPPED", "OutOfMemoryError: container killed", "", 137}};
  CHECK(std::get<EcsTaskChange>(*event) == expected);
}

TEST_CASE("a deployment that failed is read whole") {
  const auto event = parse_event_bridge(kFailed);
  REQUIRE(event.has_value());
  EcsDeploymentChange expected;
  expected.origin = {"e-3", "000000000000", "eu-test-1", at("2030-01-02T03:04:09Z")};
  expected.service_arn = "arn:aws:ecs:eu-test-1:000000000000:service/c1/cart";
  expected.deployment_id = "ecs-svc/123";
  expected.name = "SERVICE_DEPLOYMENT_FAILED";
  expected.reason = "ECS deployment circuit breaker: tasks failed to start.";
  expected.updated_at = at("2030-01-02T03:04:08Z");
  CHECK(std::get<EcsDeploymentChange>(*event) == expected);
}

struct RefusedEvent {
  const char* name;
  const char* pointer;
  const char* value;
  const char* message;
};

TEST_CASE("an event that is not of a task or a deployment is refused with its place") {
  const auto c = GENERATE(values<RefusedEvent>({
      {"of another service", "/source", R"("aws.ec2")", R"(/source: expected "aws.ecs", got "aws.ec2")"},
      {"of another kind", "/detail-type", R"("ECS Service Action")",
       R"(/detail-type: expected "ECS Task State Change" or "ECS Deployment State Change", got "ECS Service Action")"},
      {"without details", "/detail", "null", "/detail: expected an object, got nothing"},
      {"without a task", "/detail/taskArn", R"("")", "/detail/taskArn: expected a text that is not empty"},
      {"with containers that are none", "/detail/containers/0", "[]",
       "/detail/containers/0: expected an object, got array"},
      {"with an exit code that is none", "/detail/containers/0/exitCode", R"("137")",
       "/detail/containers/0/exitCode: expected a whole number, got string"},
  }));
  CAPTURE(c.name);
  Json body = parse_json(kStopped).value();
  body[Json::json_pointer(c.pointer)] = parse_json(c.value).value();
  const auto event = parse_event_bridge(dump(body));
  REQUIRE_FALSE(event.has_value());
  CHECK(event.error().str() == c.message);
}

TEST_CASE("a deployment of no service is refused") {
  for (const char* arn : {"", "cart", "arn:aws:ecs:eu-test-1:000000000000:service/"}) {
    Json body = parse_json(kFailed).value();
    body["resources"][0] = arn;
    CHECK(parse_event_bridge(dump(body)).error().str() ==
          std::string("/resources/0: expected the ARN of a service, got \"") + arn + "\"");
  }
}

TEST_CASE("more containers than a task can have are refused") {
  Json body = parse_json(kStopped).value();
  body["detail"]["containers"] = Json(std::size_t{101}, Json(body["detail"]["containers"][0]));
  CHECK(parse_event_bridge(dump(body)).error().str() == "/detail/containers: expected at most 100 containers, got 101");
}

}  // namespace
}  // namespace heal
