#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

struct Part {
  const char* path;
  const char* type;
  const char* holds;
};
constexpr Part kParts[] = {{"/", "text/html; charset=utf-8", "<title>promheal</title>"},
                           {"/ui/ui.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
                           {"/ui/ui.js", "text/javascript; charset=utf-8", "new EventSource(\"api/v1/events\")"}};

TEST_CASE("the page and its parts are served whole, with their types and a policy that lets nothing else in") {
  Service service;
  REQUIRE(service.start().has_value());
  for (const Part& part : kParts) {
    CAPTURE(part.path);
    const Reply reply = service.get(part.path);
    CHECK(reply.status == 200);
    CHECK(reply.header("Content-Type") == part.type);
    CHECK(reply.header("Content-Security-Policy") == kPolicy);
    CHECK(reply.header("X-Content-Type-Options") == "nosniff");
    CHECK(reply.header("Referrer-Policy") == "no-referrer");
    CHECK(reply.body.find(part.holds) != std::string::npos);
  }
}

TEST_CASE("the page names no other site, holds no script of its own, and never makes markup of what it is told") {
  Service service;
  REQUIRE(service.start().has_value());
  for (const Part& part : kParts) {
    CAPTURE(part.path);
    const std::string body = service.get(part.path).body;
    for (const char* forbidden : {"http://", "https://", "//cdn", "@import", "url(", "eval(", "insertAdjacentHTML",
                                  "outerHTML", "innerHTML =", "document.write", "<script>", " style=", " onclick="}) {
      CAPTURE(forbidden);
      CHECK(body.find(forbidden) == std::string::npos);
    }
  }
}

TEST_CASE("the page asks for the role view, and the status tells who asks and what he may do") {
  Service service;
  service.write("web.yml", "basic_auth_users: {alice: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n");
  SECTION("nobody is asked who he is: everybody may do everything") {
    REQUIRE(service.start().has_value());
    CHECK(service.get_json("/api/v1/status")["you"] ==
          Json{{"name", ""}, {"roles", {"ingest", "view", "operate", "approve"}}});
    CHECK(service.get_json("/api/v1/status")["storm"].is_null());
  }
  SECTION("users are known") {
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    REQUIRE(service.start().has_value());
    for (const Part& part : kParts)
      CHECK(service.get(part.path).status == 401);
    CHECK(service.get("/", kAlice).status == 200);
    const Json alone = parse_json(service.get("/api/v1/status", kAlice).body).value();
    CHECK(alone["you"] == Json{{"name", "alice"}, {"roles", {"ingest", "view", "operate", "approve"}}});
  }
  SECTION("users have roles") {
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    service.write("heal.yml", std::string(kHealYml) + "users: {alice: [view, approve]}\n");
    REQUIRE(service.start().has_value());
    const Json status = parse_json(service.get("/api/v1/status", kAlice).body).value();
    CHECK(status["you"] == Json{{"name", "alice"}, {"roles", {"view", "approve"}}});
  }
  SECTION("a user without the role view sees nothing") {
    service.options.web_config_file = (service.folder.path() / "web.yml").string();
    service.write("heal.yml", std::string(kHealYml) + "users: {alice: [ingest]}\n");
    REQUIRE(service.start().has_value());
    for (const Part& part : kParts)
      CHECK(service.get(part.path, kAlice).status == 403);
  }
}

}  // namespace
}  // namespace heal::webhook::test
