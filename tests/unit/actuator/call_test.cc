#include "webhook/actuator/call.h"

#include <catch2/catch.hpp>

#include "common/base/url.h"

namespace heal::actuator {
namespace {

/// A request as the server hands it out: the target as sent, the query decoded.
httpd::HttpRequest request(std::string method, std::string target, httpd::FieldList query = {}) {
  httpd::HttpRequest out;
  out.method = std::move(method);
  out.target = std::move(target);
  out.query = std::move(query);
  return out;
}

Reason reason_of(const httpd::HttpRequest& given) {
  const auto parsed = parse_call(given);
  const auto* refusal = std::get_if<Refusal>(&parsed);
  return refusal == nullptr ? Reason::kAllowed : refusal->reason;
}

const std::string kCalledId(64, 'a');

TEST_CASE("a known call is written anew with the container's id") {
  struct Case {
    const char *name, *method, *target;
    httpd::FieldList query;
    Verb verb;
    const char *engine_method, *path;
  };
  const std::string types = percent_encode(R"({"type":["container"]})");
  const std::string die = percent_encode(R"({"event":["die"],"type":["container"]})");
  const auto c = GENERATE_REF(values<Case>({
      {"ping", "GET", "/_ping", {}, Verb::kPing, "GET", "/_ping"},
      {"ping by HEAD", "HEAD", "/_ping", {}, Verb::kPing, "GET", "/_ping"},
      {"version", "GET", "/v1.41/version", {}, Verb::kVersion, "GET", "/v1.41/version"},
      {"list",
       "GET",
       "/v1.41/containers/json?all=1",
       {{"all", "1"}},
       Verb::kList,
       "GET",
       "/v1.41/containers/json?all=1"},
      {"inspect", "GET", "/v1.41/containers/web/json", {}, Verb::kInspect, "GET", "/v1.41/containers/ID/json"},
      {"without a version", "GET", "/containers/web/json", {}, Verb::kInspect, "GET", "/containers/ID/json"},
      {"restart",
       "POST",
       "/v1.41/containers/web/restart?t=5",
       {{"t", "5"}},
       Verb::kRestart,
       "POST",
       "/v1.41/containers/ID/restart?t=5"},
      {"kill",
       "POST",
       "/v1.41/containers/web/kill?signal=SIGKILL",
       {{"signal", "SIGKILL"}},
       Verb::kKill,
       "POST",
       "/v1.41/containers/ID/kill?signal=SIGKILL"},
      {"remove",
       "DELETE",
       "/v1.41/containers/web?force=1",
       {{"force", "1"}},
       Verb::kRemove,
       "DELETE",
       "/v1.41/containers/ID?force=1"},
      {"disconnect",
       "POST",
       "/v1.41/networks/front/disconnect",
       {},
       Verb::kNetworkDisconnect,
       "POST",
       "/v1.41/networks/front/disconnect"},
      {"events", "GET", "/v1.41/events?since=5.25", {{"since", "5.25"}}, Verb::kEvents, "GET", "EVENTS"},
      {"filtered events",
       "GET",
       "/v1.41/events?filters=x",
       {{"filters", R"({"event":["die"]})"}},
       Verb::kEvents,
       "GET",
       "DIE"},
  }));
  CAPTURE(c.name);
  const auto parsed = parse_call(request(c.method, c.target, c.query));
  REQUIRE(std::holds_alternative<Call>(parsed));
  const auto& call = std::get<Call>(parsed);
  CHECK(call.verb == c.verb);
  CHECK(engine_method(call.verb) == c.engine_method);
  std::string expected = c.path;
  if (expected == "EVENTS") expected = "/v1.41/events?since=5.25&filters=" + types;
  if (expected == "DIE") expected = "/v1.41/events?filters=" + die;
  if (const auto at = expected.find("ID"); at != std::string::npos) expected.replace(at, 2, kCalledId);
  CHECK(engine_path(call, kCalledId) == expected);
}

TEST_CASE("tricks with the path are no path of the API") {
  const auto target = GENERATE(values<std::string>(
      {"/v1.41/containers/../images/json", "/v1.41//containers/json", "/containers/web/json/", "/containers/%77eb/json",
       "/containers/web%2Fjson", "/containers/web%00/json", "//containers/json", "/containers/./json", "/",
       "/v1.41/containers/web;x/json", "/containers/we\\b/json", "/containers/-web/json", "/containers/.web/json",
       "/containers//json", "/containers/web/json#x", "/containers/@web/json"}));
  CAPTURE(target);
  CHECK(reason_of(request("GET", target)) == Reason::kMalformed);
}

TEST_CASE("what is not on the list does not pass, whatever it is") {
  const auto [method, target] = GENERATE(table<std::string, std::string>({
      {"GET", "/info"},
      {"GET", "/images/json"},
      {"POST", "/images/create"},
      {"POST", "/build"},
      {"POST", "/commit"},
      {"POST", "/session"},
      {"POST", "/v1.41/exec/abc/resize"},
      {"POST", "/v1.41/containers/web/attach"},
      {"GET", "/v1.41/containers/web/attach/ws"},
      {"GET", "/v1.41/containers/web/archive"},
      {"PUT", "/v1.41/containers/web/archive"},
      {"GET", "/v1.41/containers/web/export"},
      {"GET", "/v1.41/containers/web/top"},
      {"POST", "/v1.41/containers/prune"},
      {"GET", "/v1.41/networks"},
      {"POST", "/v1.41/networks/create"},
      {"DELETE", "/v1.41/networks/front"},
      {"GET", "/v1.41/volumes"},
      {"POST", "/v1.41/volumes/create"},
      {"POST", "/v1.41/swarm/init"},
      {"POST", "/v1.41/plugins/pull"},
      {"GET", "/v1.41/secrets"},
      {"GET", "/v2.0/containers/json"},
      {"GET", "/v1.411/containers/json"},
      {"GET", "/V1.41/containers/json"},
      {"POST", "/v1.41/containers/json"},
      {"GET", "/v1.41/containers/web/restart"},
      {"PUT", "/v1.41/containers/web/restart"},
      {"HEAD", "/v1.41/containers/web/json"},
      {"TRACE", "/_ping"},
      {"GET", "/metrics"},
  }));
  CAPTURE(method, target);
  CHECK(reason_of(request(method, target)) == Reason::kUnknownCall);
}

TEST_CASE("only the parameters of the call pass, once each, within their range") {
  struct Case {
    const char *name, *method, *target;
    httpd::FieldList query;
  };
  const auto c = GENERATE(values<Case>({
      {"size of an inspection", "GET", "/containers/web/json", {{"size", "1"}}},
      {"twice", "POST", "/containers/web/restart", {{"t", "1"}, {"t", "2"}}},
      {"negative grace", "POST", "/containers/web/stop", {{"t", "-1"}}},
      {"a grace of weeks", "POST", "/containers/web/stop", {{"t", "9999999"}}},
      {"checkpoint", "POST", "/containers/web/start", {{"checkpoint", "x"}}},
      {"detach keys", "POST", "/containers/web/start", {{"detachKeys", "x"}}},
      {"a signal by number", "POST", "/containers/web/kill", {{"signal", "9"}}},
      {"SIGSTOP", "POST", "/containers/web/kill", {{"signal", "SIGSTOP"}}},
      {"volumes too", "DELETE", "/containers/web", {{"v", "1"}}},
      {"links", "DELETE", "/containers/web", {{"link", "1"}}},
      {"a flag that is none", "GET", "/containers/json", {{"all", "yes"}}},
      {"filters of the list", "GET", "/containers/json", {{"filters", "{}"}}},
      {"events of images", "GET", "/events", {{"filters", R"({"type":["image"]})"}}},
      {"an unknown filter", "GET", "/events", {{"filters", R"({"daemon":["x"]})"}}},
      {"filters as a map", "GET", "/events", {{"filters", R"({"type":{"container":true}})"}}},
      {"filters that are no JSON", "GET", "/events", {{"filters", "{"}}},
      {"a time that is none", "GET", "/events", {{"since", "1h"}}},
      {"a platform", "POST", "/containers/create", {{"platform", "linux"}}},
      {"a name that is none", "POST", "/containers/create", {{"name", "/x"}}},
      {"details of logs", "GET", "/containers/web/logs", {{"details", "1"}}},
  }));
  CAPTURE(c.name);
  CHECK(reason_of(request(c.method, c.target, c.query)) == Reason::kQuery);
}

TEST_CASE("a body where none belongs is refused") {
  auto given = request("POST", "/containers/web/start");
  given.body = R"({"HostConfig":{"Privileged":true}})";
  CHECK(parse_call(given) == std::variant<Call, Refusal>(Refusal{Reason::kBody, "start takes no body"}));
}

TEST_CASE("nobody leaves HTTP") {
  auto upgrade = request("POST", "/containers/web/start");
  upgrade.headers = {{"upgrade", "tcp"}};
  CHECK(reason_of(upgrade) == Reason::kUpgrade);
  auto connection = request("GET", "/_ping");
  connection.headers = {{"Connection", "keep-alive, Upgrade"}};
  CHECK(reason_of(connection) == Reason::kUpgrade);
}

TEST_CASE("what has no end is a stream") {
  const auto streams = [](const httpd::HttpRequest& given) { return std::get<Call>(parse_call(given)).is_stream; };
  CHECK(streams(request("GET", "/events")));
  CHECK(streams(request("GET", "/containers/web/stats")));
  CHECK_FALSE(streams(request("GET", "/containers/web/stats", {{"stream", "false"}})));
  CHECK(streams(request("GET", "/containers/web/logs", {{"follow", "1"}})));
  CHECK_FALSE(streams(request("GET", "/containers/web/logs", {{"tail", "10"}})));
}

}  // namespace
}  // namespace heal::actuator
