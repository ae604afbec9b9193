#include <algorithm>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/webhook/service.h"

namespace heal::webhook::test {
namespace {

using httpd::RouteAuth;
using httpd::RouteInfo;
using httpd::test::RawClient;

/// "open sesame" for everyone; each user holds the one role of that name, `all` every role.
const char* const kWebYml =
    "basic_auth_users:\n"
    "  ingest: &hash $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"
    "  view: *hash\n  operate: *hash\n  approve: *hash\n  nobody: *hash\n  all: *hash\n";
const char* const kUsers =
    "users: {ingest: [ingest], view: [view], operate: [operate], approve: [approve], nobody: [],\n"
    "        all: [ingest, view, operate, approve]}\n";
const std::map<std::string, std::string> kCredentials{
    {"ingest", "aW5nZXN0Om9wZW4gc2VzYW1l"},      {"view", "dmlldzpvcGVuIHNlc2FtZQ=="},
    {"operate", "b3BlcmF0ZTpvcGVuIHNlc2FtZQ=="}, {"approve", "YXBwcm92ZTpvcGVuIHNlc2FtZQ=="},
    {"nobody", "bm9ib2R5Om9wZW4gc2VzYW1l"},      {"all", "YWxsOm9wZW4gc2VzYW1l"}};

struct Guarded : Service {
  Guarded() {
    write("web.yml", kWebYml);
    options.web_config_file = (folder.path() / "web.yml").string();
    write("heal.yml", std::string(kHealYml) + kUsers);
    const auto status = start();
    INFO((status ? "" : status.error().str()));
    REQUIRE(status.has_value());
  }

  /// The status of a request to the route: by HEAD where it is a GET, so that no stream stays open, and with a body
  /// that is no request of any route.
  int ask(const RouteInfo& route, const std::string& user, const std::string& headers = "") const {
    std::string path = route.pattern;
    if (path.ends_with('*')) path.back() = 'x';
    RawClient client(app->port());
    std::string text = (route.method == "GET" ? "HEAD" : route.method) + " " + path + " HTTP/1.1\r\nHost: test\r\n";
    if (!user.empty()) text += "Authorization: Basic " + kCredentials.at(user) + "\r\n";
    text += headers + "Connection: close\r\nContent-Length: 2\r\n\r\n[]";
    client.send(text);
    return route.method == "GET" ? client.read_head_reply().status : client.read_reply().status;
  }
};

bool is_safe(const RouteInfo& route) {
  return route.method == "GET";
}

TEST_CASE("every route asks for the role that fits what it does") {
  Guarded service;
  const std::set<std::string> for_every_user{"/metrics", "/-/healthy", "/-/ready"};
  const std::set<std::string> for_everyone{"/health"};
  const auto routes = service.app->routes();
  REQUIRE(routes.size() >= 15);
  for (const auto& route : routes) {
    CAPTURE(route.method, route.pattern, route.role);
    const bool is_open = for_everyone.count(route.pattern) == 1;
    CHECK((route.auth == RouteAuth::kOpen) == is_open);
    if (is_open || for_every_user.count(route.pattern) == 1) {
      CHECK(route.role.empty());
    } else if (is_safe(route)) {
      CHECK(route.role == "view");
    } else {
      // Whoever may only look changes nothing.
      CHECK(std::set<std::string>{"ingest", "operate", "approve"}.count(route.role) == 1);
    }
  }
}

TEST_CASE("every route turns away who has not its role, and nobody else") {
  Guarded service;
  for (const auto& route : service.app->routes()) {
    for (const auto& [user, credentials] : kCredentials) {
      CAPTURE(route.method, route.pattern, route.role, user);
      const bool may = route.role.empty() || user == "all" || user == route.role;
      const int status = service.ask(route, user);
      CHECK((status == 403) == !may);
      CHECK(status != 401);
    }
  }
}

TEST_CASE("every route but the open ones asks for credentials") {
  Guarded service;
  for (const auto& route : service.app->routes()) {
    CAPTURE(route.method, route.pattern);
    CHECK((service.ask(route, "") == 401) == (route.auth == RouteAuth::kRequired));
    if (route.auth == RouteAuth::kRequired)
      CHECK(service.ask(route, "", "Authorization: Basic YWxsOndyb25n\r\n") == 401);
  }
}

TEST_CASE("a page of another site can change nothing, whoever is logged in") {
  Guarded service;
  for (const auto& route : service.app->routes()) {
    if (is_safe(route)) continue;
    for (const char* origin : {"http://evil.example", "null", "http://test.evil.example", "http://evil.example/test"}) {
      CAPTURE(route.method, route.pattern, origin);
      CHECK(service.ask(route, "all", std::string("Origin: ") + origin + "\r\n") == 403);
    }
    CAPTURE(route.method, route.pattern);
    CHECK(service.ask(route, "all", "Origin: http://test\r\n") != 403);
  }
}

}  // namespace
}  // namespace heal::webhook::test
