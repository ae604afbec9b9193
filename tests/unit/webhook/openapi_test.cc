#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "common/wire/json.h"
#include "tests/support/json_schema.h"
#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

bool is_api(const std::string& path) {
  return path.starts_with("/api/v1/") || path == "/webhook" || path == "/failover";
}

/// `/a/{id}/b` as the server's patterns have it.
std::string pattern_of(std::string path) {
  const auto open = path.find('{');
  if (open == std::string::npos) return path;
  return path.replace(open, path.find('}') - open + 1, "*");
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// `METHOD pattern` → role.
using Routes = std::map<std::string, std::string>;

Routes documented(const Json& document) {
  Routes out;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items())
      out[upper(method) + " " + pattern_of(path)] = operation["x-role"].get<std::string>();
  }
  return out;
}

Routes served(const App& app) {
  Routes out;
  for (const auto& route : app.routes()) {
    if (is_api(route.pattern)) out[route.method + " " + route.pattern] = route.role;
  }
  // One pattern serves an incident and its parts.
  for (const char* part : {"/timeline", "/explain"})
    out["GET /api/v1/incidents/*" + std::string(part)] = out["GET /api/v1/incidents/*"];
  return out;
}

void each_reference(const Json& json, const std::function<void(const std::string&)>& see) {
  if (json.is_object() && json.contains("$ref")) see(json["$ref"].get<std::string>());
  if (!json.is_structured()) return;
  for (const auto& item : json)
    each_reference(item, see);
}

TEST_CASE("openapi.json describes every route with its role, and no other") {
  Service service;
  REQUIRE(service.start().has_value());
  const Json document = service.get_json("/api/v1/openapi.json");
  CHECK(document["openapi"] == "3.0.3");
  CHECK(documented(document) == served(*service.app));
}

TEST_CASE("openapi.json refers to nothing that it does not hold, and names each operation and place once") {
  Service service;
  REQUIRE(service.start().has_value());
  const Json document = service.get_json("/api/v1/openapi.json");
  each_reference(document, [&](const std::string& reference) {
    CAPTURE(reference);
    REQUIRE(reference.starts_with("#/"));
    CHECK(document.contains(Json::json_pointer(reference.substr(1))));
  });
  std::set<std::string> names;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      CAPTURE(path, method);
      CHECK(names.insert(operation["operationId"].get<std::string>()).second);
      const bool has_place = path.find('{') != std::string::npos;
      bool is_declared = false;
      for (const auto& parameter : operation.value("parameters", Json::array()))
        is_declared |= parameter["in"] == "path" && parameter["required"] == true &&
                       path.find("{" + parameter["name"].get<std::string>() + "}") != std::string::npos;
      CHECK(is_declared == has_place);
      CHECK_FALSE(operation["responses"].empty());
    }
  }
}

/// `/a/{id}/b` with something in each place.
std::string filled(std::string path, const std::string& id) {
  const auto open = path.find('{');
  return open == std::string::npos ? path : path.replace(open, path.find('}') - open + 1, id);
}

TEST_CASE("each operation knows the query parameters that it documents, and refuses every other by name") {
  Service service;
  REQUIRE(service.start().has_value());
  service.engine->crash("nginx", 1);
  REQUIRE(service.post("/webhook", service.notification()).status == 202);
  const std::string id = service.run_to(IncidentState::kClosed);
  const Json document = service.get_json("/api/v1/openapi.json");
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!path.starts_with("/api/v1/") || path.starts_with("/api/v1/ingest/")) continue;  // whatever a sender adds
    for (const auto& [method, operation] : methods.items()) {
      CAPTURE(path, method);
      const Reply reply = service.send(upper(method), filled(path, id) + "?colour=red", "");
      CHECK(reply.status == 400);
      const auto message = parse_json(reply.body).value()["error"]["message"].get<std::string>();
      CHECK(message.starts_with("colour: unknown query parameter; "));
      std::set<std::string> known, wanted;
      if (const auto list = message.find("known here: "); list != std::string::npos) {
        for (const auto name : split(std::string_view(message).substr(list + 12), ','))
          known.insert(std::string(trim(name)));
      }
      for (const auto& parameter : operation.value("parameters", Json::array())) {
        if (parameter["in"] == "query") wanted.insert(parameter["name"].get<std::string>());
      }
      CHECK(known == wanted);
    }
  }
}

TEST_CASE("the schemas of openapi.json take no member that they do not name") {
  Service service;
  REQUIRE(service.start().has_value());
  const Json document = service.get_json("/api/v1/openapi.json");
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    CAPTURE(name);
    CHECK(schema["additionalProperties"] == false);
    CHECK_FALSE(schema["properties"].empty());
  }
  Json answer = service.get_json("/api/v1/status");
  const Json& status = document["components"]["schemas"]["Status"];
  CHECK(heal::test::schema_problems(document, status, answer).empty());
  answer["colour"] = "red";
  answer["accepting"] = "yes";
  answer.erase("version");
  CHECK(heal::test::schema_problems(document, status, answer) ==
        std::vector<std::string>{": lacks version", "/accepting: is \"yes\", not of type boolean",
                                 "/colour: is not documented"});
}

}  // namespace
}  // namespace heal::webhook::test
