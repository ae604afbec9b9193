#include "common/playbook/match.h"

#include <catch2/catch.hpp>

namespace heal::playbook {
namespace {

using Verdict = RouteDecision::Verdict;

std::vector<Route> routes(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto config = parse_heal_config("version: 1\nroutes:\n" + text, "heal.yml", diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  return config->routes;
}

const WallTime kNow = **parse_rfc3339("2026-05-04T21:30:00Z");

const char* const kThree = R"(
  - match: ['alertname="A"', 'severity=~"warn|page"']
    playbook: first
    target: "service/{{ labels.service }}"
    continue: true
  - match: ['alertname=~"A|B"']
    playbook: second
    target: service/x
  - match: []
    playbook: third
    target: service/x
)";

TEST_CASE("a route with windows takes events only while one of them is open, and says so") {
  const auto night = routes(R"(
  - match: ['alertname="A"']
    playbook: at-night
    target: service/x
    windows:
      - {days: [mon-fri], from: "22:00", to: "06:00", zone: Europe/Berlin}
  - {match: [], playbook: by-day, target: service/x}
)");
  CHECK(
      match(night, {{"alertname", "A"}}, kNow) ==
      std::vector<RouteDecision>{{0, Verdict::kTaken,
                                  "heal.yml:4:5: alertname=\"A\" matches, in its window mon, tue, wed, thu, fri 22:00 "
                                  "to 06:00 Europe/Berlin: playbook at-night"},
                                 {1, Verdict::kNotAsked, "heal.yml:9:5: not asked: a route before it decided"}});
  CHECK(
      match(night, {{"alertname", "A"}}, kNow + 12h) ==
      std::vector<RouteDecision>{{0, Verdict::kNoMatch,
                                  "heal.yml:4:5: alertname=\"A\" matches, but its window mon, tue, wed, thu, fri 22:00 "
                                  "to 06:00 Europe/Berlin is not open at 2026-05-05T09:30:00.000Z"},
                                 {1, Verdict::kTaken, "heal.yml:9:5: matches every alert: playbook by-day"}});
}

TEST_CASE("what a window must not be is told at its place") {
  config::Diagnostics diagnostics;
  CHECK_FALSE(parse_heal_config(R"(version: 1
routes:
  - match: []
    playbook: x
    target: service/x
    windows: [{days: [workday], from: "7:00", to: "24:00", zone: Mars/Base}]
  - {match: [], playbook: x, target: service/x, windows: []}
)",
                                "heal.yml", diagnostics));
  const std::string text = diagnostics.render();
  CAPTURE(text);
  CHECK(text.find("expected a day (mon) or a range of days (mon-fri), got \"workday\"") != std::string::npos);
  CHECK(text.find("expected a time of day from 00:00 to 24:00, got \"7:00\"") != std::string::npos);
  CHECK(text.find("there is no time zone \"Mars/Base\"") != std::string::npos);
  CHECK(text.find("expected at least one window") != std::string::npos);
}

TEST_CASE("routes are asked in order, and each says why") {
  REQUIRE(match(routes(kThree), {{"alertname", "A"}, {"severity", "page"}}, kNow) ==
          std::vector<RouteDecision>{
              {0, Verdict::kTaken, "heal.yml:4:5: alertname=\"A\", severity=~\"warn|page\" match: playbook first"},
              {1, Verdict::kTaken, "heal.yml:8:5: alertname=~\"A|B\" matches: playbook second"},
              {2, Verdict::kNotAsked, "heal.yml:11:5: not asked: a route before it decided"}});
  REQUIRE(match(routes(kThree), {{"alertname", "C"}}, kNow) ==
          std::vector<RouteDecision>{
              {0, Verdict::kNoMatch, "heal.yml:4:5: alertname=\"A\" does not match (alertname is \"C\")"},
              {1, Verdict::kNoMatch, "heal.yml:8:5: alertname=~\"A|B\" does not match (alertname is \"C\")"},
              {2, Verdict::kTaken, "heal.yml:11:5: matches every alert: playbook third"}});
  REQUIRE(match(routes(kThree), {{"alertname", "A"}}, kNow)[0].explanation ==
          "heal.yml:4:5: severity=~\"warn|page\" does not match (the alert has no such label)");
}

TEST_CASE("regular expressions match whole values only") {
  REQUIRE(match(routes(kThree), {{"alertname", "AB"}}, kNow)[1].verdict == Verdict::kNoMatch);
}

TEST_CASE("a route's target and params are filled in from the alert") {
  const auto route = routes(R"yaml(
  - match: ['a="b"']
    playbook: p
    target: "container/{{ labels.engine }}/{{ labels.container }}"
    params: {note: "{{ annotations.summary }} ({{ labels.a }})", fixed: 5s}
)yaml")[0];
  const Labels labels{{"a", "b"}, {"engine", "local"}, {"container", "web-1"}};
  const auto heal = resolve_route(route, labels, {{"summary", "it broke"}}).value();
  REQUIRE(heal == RoutedHeal{"p", {"container", "local", "web-1"}, {{"note", "it broke (b)"}, {"fixed", "5s"}}});
  REQUIRE(resolve_route(route, {{"a", "b"}}, {}).error().str() ==
          "target of the route at heal.yml:4:5: labels.engine has no value");
  REQUIRE(resolve_route(route, labels, {}).error().str() ==
          "param note of the route at heal.yml:4:5: annotations.summary has no value");
}

TEST_CASE("an instance with an IPv6 address is one value, brackets, port and all") {
  const auto route = routes(R"yaml(
  - {match: ['instance="[2001:db8::7]:9100"'], playbook: p, target: service/web, params: {at: "{{ labels.instance }}"}}
)yaml")[0];
  const Labels labels{{"instance", "[2001:db8::7]:9100"}};
  REQUIRE(match({route}, labels, kNow)[0].verdict == RouteDecision::Verdict::kTaken);
  REQUIRE(resolve_route(route, labels, {}).value().params.at("at") == "[2001:db8::7]:9100");
}

TEST_CASE("a label cannot make another target than its place allows") {
  const auto route = routes("  - {match: [], playbook: p, target: \"container/local/{{ labels.c }}\"}\n")[0];
  const std::string value = GENERATE(as<std::string>{}, "a/b", "../etc", "", "-rf", "$(touch x)", "`id`", "a b", "a\nb",
                                     "{{ labels.c }}", "..", "web;reboot");
  CAPTURE(value);
  REQUIRE_FALSE(resolve_route(route, {{"c", value}}, {}).has_value());
}

}  // namespace
}  // namespace heal::playbook
