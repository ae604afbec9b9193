#include "webhook/actuator/bodies.h"

#include <catch2/catch.hpp>

#include "common/port/fault_holder.h"
#include "common/port/host_processes.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"

namespace heal::actuator {
namespace {

const std::string kId(64, 'c');

FaultRules faults() {
  FaultRules rules;
  rules.enabled = true;
  rules.helper_image = "promheal:local";
  return rules;
}

Call create_call(std::string body, std::string name) {
  Call call;
  call.verb = Verb::kCreate;
  call.body = std::move(body);
  call.query = {{"name", std::move(name)}};
  return call;
}

Call helper_call() {
  const auto spec = kill_helper_spec("promheal:local", kId, 42);
  return create_call(write_docker_create(spec), spec.name);
}

TEST_CASE("the fault helper's own body passes") {
  const auto parsed = parse_helper_request(helper_call(), faults());
  REQUIRE(std::holds_alternative<HelperRequest>(parsed));
  CHECK(std::get<HelperRequest>(parsed).container == kId);
  CHECK(std::get<HelperRequest>(parsed).pid == 42);
}

HolderOrder holder_order(const std::string& kind) {
  return {HolderOrder::Task::kHold, kind, "01J8", kId, 42, 30s, {{"percent", "5"}}};
}

TEST_CASE("the bodies of fault holders pass, for the process of their container") {
  const auto kind = GENERATE(as<std::string>(), "cpu", "disk", "loss", "bandwidth", std::string(kMarkKind));
  CAPTURE(kind);
  const auto spec = holder_spec("promheal:local", holder_order(kind), R"({"lease":{}})");
  const auto parsed = parse_helper_request(create_call(write_docker_create(spec), spec.name), faults());
  REQUIRE(std::holds_alternative<HelperRequest>(parsed));
  CHECK(std::get<HelperRequest>(parsed).container == kId);
  CHECK(std::get<HelperRequest>(parsed).pid == (kind == kMarkKind ? 0 : 42));
  CHECK(std::get<HelperRequest>(parsed).breaks_network == (kind == "loss" || kind == "bandwidth"));
}

TEST_CASE("what takes a broken network's rules away breaks none") {
  HolderOrder order = holder_order("bandwidth");
  order.task = HolderOrder::Task::kSweep;
  const auto spec = holder_spec("promheal:local", order, "");
  const auto parsed = parse_helper_request(create_call(write_docker_create(spec), spec.name), faults());
  REQUIRE(std::holds_alternative<HelperRequest>(parsed));
  CHECK_FALSE(std::get<HelperRequest>(parsed).breaks_network);
}

TEST_CASE("a fault holder with anything else in it is refused") {
  const auto [name, pointer, value] = GENERATE(table<std::string, std::string, std::string>({
      {"privileged", "/HostConfig/Privileged", "true"},
      {"another mount", "/HostConfig/Binds", R"(["/:/sys/fs/cgroup"])"},
      {"one more mount", "/HostConfig/Binds", R"(["/sys/fs/cgroup:/sys/fs/cgroup","/:/x"])"},
      {"a capability", "/HostConfig/CapAdd", R"(["SYS_ADMIN"])"},
      {"another network", "/HostConfig/NetworkMode", R"("host")"},
      {"another image", "/Image", R"("debian")"},
      {"another program", "/Entrypoint", R"(["sh"])"},
      {"more labels", "/Labels/heal.enable", R"("true")"},
      {"a kind of another place", "/Cmd/1", R"("disk")"},
      {"no order", "/Cmd/0", R"("destroy")"},
  }));
  CAPTURE(name);
  const auto spec = holder_spec("promheal:local", holder_order("cpu"), "{}");
  auto body = parse_json(write_docker_create(spec)).value();
  body[Json::json_pointer(pointer)] = parse_json(value).value();
  const auto parsed = parse_helper_request(create_call(dump(body), spec.name), faults());
  REQUIRE(std::holds_alternative<Refusal>(parsed));
  CHECK(std::get<Refusal>(parsed) ==
        Refusal{Reason::kBody, "create: the only container that may be created is the fault helper"});
}

TEST_CASE("a helper with anything else in it is refused") {
  const auto [name, pointer, value] = GENERATE(table<std::string, std::string, std::string>({
      {"privileged", "/HostConfig/Privileged", "true"},
      {"a mount", "/HostConfig/Binds", R"(["/:/host"])"},
      {"mounts", "/HostConfig/Mounts", R"([{"Type":"bind","Source":"/","Target":"/x"}])"},
      {"another capability", "/HostConfig/CapAdd", R"(["KILL","SYS_ADMIN"])"},
      {"another network", "/HostConfig/NetworkMode", R"("host")"},
      {"a device", "/HostConfig/Devices", "[]"},
      {"a restart policy", "/HostConfig/RestartPolicy", R"({"Name":"always"})"},
      {"another image", "/Image", R"("debian")"},
      {"another program", "/Entrypoint", R"(["sh"])"},
      {"other arguments", "/Cmd", R"(["--pid","42","--container","x"])"},
      {"an environment", "/Env", R"(["LD_PRELOAD=/x"])"},
      {"another user", "/User", R"("1")"},
      {"more labels", "/Labels/heal.enable", R"("true")"},
      {"no label", "/Labels", "{}"},
      {"volumes", "/Volumes", R"({"/x":{}})"},
      {"a null", "/HostConfig/Binds", "null"},
  }));
  CAPTURE(name);
  Call call = helper_call();
  auto body = parse_json(call.body).value_or(Json());
  body[Json::json_pointer(pointer)] = parse_json(value).value_or(Json());
  call.body = dump(body);
  const auto parsed = parse_helper_request(call, faults());
  REQUIRE(std::holds_alternative<Refusal>(parsed));
  CHECK(std::get<Refusal>(parsed) ==
        Refusal{Reason::kBody, "create: the only container that may be created is the fault helper"});
}

TEST_CASE("a helper of another name is refused") {
  Call call = helper_call();
  call.query = {{"name", "innocent"}};
  CHECK(std::holds_alternative<Refusal>(parse_helper_request(call, faults())));
  call.query = {};
  CHECK(std::holds_alternative<Refusal>(parse_helper_request(call, faults())));
}

TEST_CASE("nothing is created unless faults are enabled") {
  FaultRules off = faults();
  off.enabled = false;
  CHECK(std::holds_alternative<Refusal>(parse_helper_request(helper_call(), off)));
  FaultRules no_image = faults();
  no_image.helper_image = "";
  CHECK(std::holds_alternative<Refusal>(parse_helper_request(helper_call(), no_image)));
}

TEST_CASE("a container comes back into its network with its own settings, under its id") {
  Call call;
  call.verb = Verb::kNetworkConnect;
  call.body = R"({"Container":"web","EndpointConfig":{"Aliases":["web"],"IPAMConfig":{"IPv4Address":"172.20.0.9"}}})";
  const auto parsed = parse_network_body(call);
  REQUIRE(std::holds_alternative<NetworkBody>(parsed));
  const auto& body = std::get<NetworkBody>(parsed);
  CHECK(body.container == "web");
  CHECK(parse_json(write_network_body(call, body, kId)).value_or(Json()) ==
        Json{{"Container", kId},
             {"EndpointConfig", {{"Aliases", {"web"}}, {"IPAMConfig", {{"IPv4Address", "172.20.0.9"}}}}}});
}

TEST_CASE("a network body with anything else in it is refused") {
  const auto [verb, body] = GENERATE(table<Verb, std::string>({
      {Verb::kNetworkConnect, "{"},
      {Verb::kNetworkConnect, "[]"},
      {Verb::kNetworkConnect, R"({"Container":"../x"})"},
      {Verb::kNetworkConnect, R"({"EndpointConfig":{}})"},
      {Verb::kNetworkConnect, R"({"Container":"web","Container":"prometheus"})"},
      {Verb::kNetworkConnect, R"({"Container":"web","EndpointConfig":{"DriverOpts":{"x":"y"}}})"},
      {Verb::kNetworkConnect, R"({"Container":"web","EndpointConfig":{"New":1}})"},
      {Verb::kNetworkConnect, R"({"Container":"web","EndpointConfig":[]})"},
      {Verb::kNetworkConnect, R"({"Container":"web","Force":true})"},
      {Verb::kNetworkDisconnect, R"({"Container":"web","Force":"yes"})"},
      {Verb::kNetworkDisconnect, R"({"Container":"web","EndpointConfig":{}})"},
      {Verb::kNetworkDisconnect, ""},
  }));
  CAPTURE(to_string(verb), body);
  Call call;
  call.verb = verb;
  call.body = body;
  const auto parsed = parse_network_body(call);
  REQUIRE(std::holds_alternative<Refusal>(parsed));
  CHECK(std::get<Refusal>(parsed).reason == Reason::kBody);
}

}  // namespace
}  // namespace heal::actuator
