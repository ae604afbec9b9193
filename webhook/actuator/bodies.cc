#include "webhook/actuator/bodies.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/port/fault_holder.h"
#include "common/port/host_processes.h"
#include "common/wire/docker.h"
#include "common/wire/json.h"
#include "webhook/actuator/answers.h"

namespace heal::actuator {
namespace {

constexpr std::size_t kMaxDepth = 6;
constexpr std::size_t kLongestLabel = 32768;

Refusal bad_body(Verb verb, std::string_view what) {
  return {Reason::kBody, fmt::format("{}: {}", to_string(verb), what)};
}

/// Only the members of `known`.
bool has_only(const Json& object, const std::vector<std::string_view>& known) {
  if (!object.is_object()) return false;
  return std::all_of(object.items().begin(), object.items().end(), [&](const auto& member) {
    return std::find(known.begin(), known.end(), member.key()) != known.end();
  });
}

/// EndpointSettings of the API, as an inspection shows them. Options of the driver are left out: they reach the host.
bool is_endpoint(const Json& endpoint) {
  static const std::vector<std::string_view> kMembers{
      "Aliases",           "DNSNames",    "DriverOpts", "EndpointID", "Gateway",
      "GlobalIPv6Address", "GwPriority",  "IPAddress",  "IPAMConfig", "GlobalIPv6PrefixLen",
      "IPPrefixLen",       "IPv6Gateway", "Links",      "NetworkID",  "MacAddress"};
  if (!has_only(endpoint, kMembers)) return false;
  const Json* options = find_member(endpoint, "DriverOpts");
  return options == nullptr || (options->is_object() && options->empty());
}

/// The helper that kills a container's main process.
std::optional<ContainerSpec> expected_killer(const ContainerSpec& spec, const std::string& image,
                                             HelperRequest& request) {
  request.pid = parse_int(spec.command[1]).value_or(0);
  request.container = spec.command[3];
  const bool is_id =
      request.container.size() == 64 && request.container.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (request.pid <= 1 || !is_id) return std::nullopt;
  return kill_helper_spec(image, request.container, request.pid);
}

/// What the body must say, by the little of it that may differ; nullopt when it is no helper's.
std::optional<ContainerSpec> expected_helper(const ContainerSpec& spec, const std::string& image,
                                             HelperRequest& request) {
  if (spec.command.size() == 4) return expected_killer(spec, image, request);
  const auto order = parse_holder_arguments(spec.command);
  const auto label = label_value(spec.labels, kLeaseLabel);
  if (!order || label.size() > kLongestLabel) return std::nullopt;
  request.container = order->container;
  // A mark is set when the fault is there: the process may have ended.
  request.pid = order->kind == kMarkKind ? 0 : order->pid;
  request.breaks_network = breaks_network(*order);
  return holder_spec(image, *order, std::string(label));
}

}  // namespace

std::variant<NetworkBody, Refusal> parse_network_body(const Call& call) {
  const auto json = parse_json(call.body, {.max_depth = kMaxDepth});
  if (!json) return bad_body(call.verb, "the body is not JSON");
  const bool connects = call.verb == Verb::kNetworkConnect;
  const std::string_view second = connects ? "EndpointConfig" : "Force";
  if (!has_only(*json, {"Container", second})) return bad_body(call.verb, "the body has more in it than is allowed");
  NetworkBody body;
  body.container = get_string(*json, "Container").value_or("");
  if (!is_docker_name(body.container)) return bad_body(call.verb, "the body names no container");
  if (!connects) {
    if (get_optional_bool(*json, "Force").has_value()) return body;
    return bad_body(call.verb, "\"Force\" must be true or false");
  }
  const Json* endpoint = find_member(*json, "EndpointConfig");
  if (endpoint == nullptr) return body;
  if (!is_endpoint(*endpoint)) return bad_body(call.verb, "the endpoint's settings have more in them than is allowed");
  body.endpoint = dump(*endpoint);
  return body;
}

std::string write_network_body(const Call& call, const NetworkBody& body, const std::string& id) {
  if (call.verb == Verb::kNetworkDisconnect) return write_docker_disconnect(id);
  return write_docker_connect(id, body.endpoint).value_or("");
}

std::variant<std::string, Refusal> parse_update_body(const Call& call) {
  static const std::vector<std::string_view> kMembers{"Memory",   "MemorySwap", "NanoCpus",
                                                      "CpuQuota", "CpuPeriod",  "PidsLimit"};
  const auto json = parse_json(call.body, {.max_depth = kMaxDepth});
  const auto limits = parse_docker_update(call.body);
  if (!json || !limits || !has_only(*json, kMembers) || json->empty())
    return bad_body(call.verb, "only limits of memory, CPUs and processes may be changed");
  return write_docker_update(*limits);
}

std::variant<ExecBody, Refusal> parse_exec_body(const Call& call) {
  const auto refuse = [&] {
    return bad_body(call.verb,
                    "only a program with arguments and variables may be run: no terminal, no input, no other "
                    "user, no privileges, and no variable LD_…");
  };
  const auto json = parse_json(call.body, {.max_depth = kMaxDepth});
  auto spec = parse_docker_exec(call.body);
  if (!json || !spec || spec->argv.empty() || !spec->user.empty()) return refuse();
  const bool is_loud = std::any_of(spec->environment.begin(), spec->environment.end(),
                                   [](const auto& variable) { return variable.first.starts_with("LD_"); });
  ExecBody out{spec->argv.front(), write_docker_exec(*spec)};
  // Equal as values: whatever else the body asks for makes it another one.
  if (is_loud || *json != parse_json(out.body).value_or(Json())) return refuse();
  return out;
}

std::variant<std::string, Refusal> parse_exec_start(const Call& call) {
  const Json expected{{"Detach", false}, {"Tty", false}};
  if (parse_json(call.body).value_or(Json()) != expected)
    return bad_body(call.verb, "a program is run without a terminal, and waited for");
  return dump(expected);
}

std::variant<CloneRequest, Refusal> parse_clone_request(const Call& call, const std::string& inspected,
                                                        Environment environment) {
  auto copy = write_docker_clone(inspected);
  const auto shown = environment == Environment::kHidden ? hide_environment(inspected) : Result<std::string>(inspected);
  if (!copy || !shown)
    return bad_body(Verb::kRecreate, copy ? "the engine's answer cannot be read" : copy.error().message());
  const auto expected = write_docker_clone(*shown);
  auto asked = parse_json(call.body);
  auto wanted = expected ? parse_json(expected->body) : Result<Json>(expected.error());
  if (!asked || !wanted || !asked->is_object()) return bad_body(Verb::kRecreate, "the body cannot be read");
  // Addresses change whenever the container starts; the engine is sent those of now.
  asked->erase("NetworkingConfig");
  wanted->erase("NetworkingConfig");
  if (*asked != *wanted)
    return bad_body(Verb::kRecreate, "the only container that may be created is one like the one whose place it takes");
  return CloneRequest{std::move(copy->body), std::move(copy->more_networks)};
}

std::variant<HelperRequest, Refusal> parse_helper_request(const Call& call, const FaultRules& faults) {
  if (!faults.enabled || faults.helper_image.empty())
    return Refusal{Reason::kNotAllowed, "create: actuator.yml allows no container to be created"};
  const auto refuse = [&] { return bad_body(call.verb, "the only container that may be created is the fault helper"); };
  const auto spec = parse_docker_create(call.body);
  if (!spec) return refuse();
  HelperRequest request;
  const auto expected = expected_helper(*spec, faults.helper_image, request);
  if (!expected) return refuse();
  request.body = write_docker_create(*expected);
  // Equal as values: whatever else the body asks for (mounts, privileges, devices) makes it another one.
  if (parse_json(call.body).value_or(Json()) != parse_json(request.body).value_or(Json(0))) return refuse();
  if (call.query != decltype(call.query){{"name", expected->name}}) return refuse();
  return request;
}

}  // namespace heal::actuator
