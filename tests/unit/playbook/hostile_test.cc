// Values that an attacker may put into a label: each is refused, or arrives as exactly one inert value.
#include <catch2/catch.hpp>

#include "common/playbook/plan.h"

namespace heal::playbook {
namespace {

const std::vector<std::string>& corpus() {
  static const std::vector<std::string> values{
      "$(touch x)",
      "`touch x`",
      "; touch x",
      "| touch x",
      "&& touch x",
      "a b",
      "'\"",
      "\\",
      "{{ labels.other }}",
      "{{7*7}}",
      "{% raw %}",
      "line\nbreak",
      "carriage\r\nX-Evil: 1",
      std::string("nul\0byte", 8),
      "-rf",
      "--privileged",
      "../../etc/passwd",
      "..",
      ".",
      "%2e%2e/",
      "/absolute",
      "a/../b",
      "?query=1",
      "#fragment",
      "@evil.example",
      "evil.example/",
      "\"} or vector(1) #",
      "\xE2\x80\xAEltr",
      "\xff\xfe",
      "*",
      "~root",
      "$HOME",
      "${jndi:ldap://x}",
      std::string(65536, 'A'),
      std::string(4096, 'A'),
      "",
  };
  return values;
}

/// Bytes that RFC 3986 leaves unreserved stay, all others are percent-encoded.
std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               std::string("-._~").find(c) != std::string::npos;
    out += is_unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// A plan of `step` with the label `v`; the target and all allow-lists are there.
Result<Plan> plan_with(const std::string& step, const std::string& value) {
  config::Diagnostics diagnostics;
  const auto config =
      parse_heal_config("version: 1\nallow: {commands: [/bin/fix], hosts: [api]}\n", "heal.yml", diagnostics);
  const auto playbook = parse_playbook("version: 1\nplaybook: p\nmode: auto\nsteps:\n  - " + step + "\n", "p.yml",
                                       GuardSettings(), diagnostics);
  INFO(diagnostics.render());
  REQUIRE(config);
  REQUIRE(playbook);
  PlanInput input;
  input.labels = {{"v", value}, {"other", "must never appear"}};
  input.target.id = {"container", "local", "web"};
  return make_plan(*config, *playbook, input);
}

bool is_clean(const std::string& value) {
  return value.size() <= kMaxValueBytes && value.find_first_of("\n\r") == std::string::npos &&
         value.find('\0') == std::string::npos && value != "\xff\xfe" && value.substr(0, 3) != "\xE2\x80\xAE";
}

/// Text that a server could take for more than one segment of a path.
bool is_path_text(const std::string& value) {
  return value.find_first_of("/\\") != std::string::npos || value == "." || value == ".." || value == "%2e%2e/";
}

TEST_CASE("a hostile value is one element of argv, or refused") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    const auto plan = plan_with("{name: c, command: {argv: [/bin/fix, '{{ labels.v }}', last]}}", value);
    const bool is_option = value.substr(0, 1) == "-";
    REQUIRE(plan.has_value() == (is_clean(value) && !is_option));
    if (plan) REQUIRE(plan->steps[0].arguments.texts("argv") == std::vector<std::string>{"/bin/fix", value, "last"});
  }
}

TEST_CASE("a hostile value behind a literal beginning stays behind it") {
  const auto plan = plan_with("{name: c, command: {argv: [/bin/fix, '--name={{ labels.v }}']}}", "--privileged");
  REQUIRE(plan->steps[0].arguments.texts("argv") == std::vector<std::string>{"/bin/fix", "--name=--privileged"});
}

TEST_CASE("a hostile value is one segment of a URL's path, or refused") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    const auto plan = plan_with("{name: h, http.request: {url: 'http://api/x/{{ labels.v }}/y'}}", value);
    if (!plan) {
      const bool fits = percent_encoded(value).size() + 15 <= kMaxValueBytes;
      REQUIRE((!is_clean(value) || !fits || is_path_text(value)));
      continue;
    }
    REQUIRE(plan->steps[0].arguments.text("url") == "http://api/x/" + percent_encoded(value) + "/y");
    REQUIRE_FALSE(is_path_text(value));
  }
}

TEST_CASE("a value that leaves its segment once a server has decoded it is refused with the reason") {
  struct Case {
    const char* value;
    const char* reason;
  };
  const auto c = GENERATE(values<Case>({
      {"../admin",
       "\"../admin\" holds a slash or a backslash and cannot be put into a URL's path (after \"?\" it can)"},
      {"..\\admin",
       "\"..\\admin\" holds a slash or a backslash and cannot be put into a URL's path (after \"?\" it can)"},
      {"..%2fadmin",
       "\"..%2fadmin\" holds a slash or a backslash and cannot be put into a URL's path (after \"?\" it can)"},
      {"a/b", "\"a/b\" holds a slash or a backslash and cannot be put into a URL's path (after \"?\" it can)"},
      {"..", "\"..\" cannot be put into a URL's path: it would leave its place there"},
      {"%2E%2e", "\"%2E%2e\" cannot be put into a URL's path: it would leave its place there"},
      {"..;x", "\"..;x\" cannot be put into a URL's path: it would leave its place there"},
  }));
  const auto plan = plan_with("{name: h, http.request: {url: 'http://api/x/{{ labels.v }}/y'}}", c.value);
  REQUIRE(plan.error().str() == std::string("playbook p: step h: argument url: labels.v: ") + c.reason);
  const auto wait = plan_with("{name: w, wait.http: {url: 'http://api/x/{{ labels.v }}'}}", c.value);
  REQUIRE(wait.error().str() == std::string("playbook p: step w: labels.v: ") + c.reason);
}

TEST_CASE("a query may hold any text, encoded") {
  for (const auto* value : {"../admin", "a/b", "..", "a\\b"}) {
    const auto plan = plan_with("{name: h, http.request: {url: 'http://api/x?y={{ labels.v }}'}}", value);
    REQUIRE(plan->steps[0].arguments.text("url") == "http://api/x?y=" + percent_encoded(value));
  }
}

TEST_CASE("a whole URL from a label may hold an encoded slash but no dot segment in any spelling") {
  REQUIRE(plan_with("{name: h, http.request: {url: '{{ labels.v }}'}}", "http://api/a%2Fb").has_value());
  for (const auto* value : {"http://api/a/../b", "http://api/a/%2e%2e/b", "http://api/a/..%2Fb", "http://api/..\\b"})
    REQUIRE_FALSE(plan_with("{name: h, http.request: {url: '{{ labels.v }}'}}", value).has_value());
}

TEST_CASE("no hostile value changes the host of a URL") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    REQUIRE_FALSE(plan_with("{name: h, http.request: {url: 'http://{{ labels.v }}/x'}}", value).has_value());
    const auto longer_host = plan_with("{name: h, http.request: {url: 'http://api{{ labels.v }}/x'}}", value);
    REQUIRE(longer_host.has_value() == value.empty());
    REQUIRE_FALSE(plan_with("{name: h, http.request: {url: '{{ labels.v }}'}}", value).has_value());
  }
}

TEST_CASE("a hostile value cannot leave its string in a query") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    const auto plan = plan_with("{name: w, wait.promql: {query: 'up{x=\"{{ labels.v }}\"}', is: 1}}", value);
    const bool has_quote = value.find_first_of("\"'`\\") != std::string::npos;
    const bool fits = value.size() + 8 <= kMaxValueBytes;
    REQUIRE(plan.has_value() == (is_clean(value) && !has_quote && fits));
    if (plan) REQUIRE(plan->steps[0].wait_for->address == "up{x=\"" + value + "\"}");
  }
}

TEST_CASE("a hostile value is one header and nothing more, or refused") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    const auto plan =
        plan_with("{name: h, http.request: {url: 'http://api/', headers: {X-A: '{{ labels.v }}'}}}", value);
    REQUIRE(plan.has_value() == is_clean(value));
    if (plan)
      REQUIRE(plan->steps[0].arguments.text_map("headers") == std::map<std::string, std::string>{{"X-A", value}});
  }
}

TEST_CASE("no hostile value is a target, an address or a duration") {
  for (const auto& value : corpus()) {
    CAPTURE(value.substr(0, 80));
    REQUIRE_FALSE(
        plan_with("{name: s, docker.start: {}, target: 'container/local/{{ labels.v }}'}", value).has_value());
    REQUIRE_FALSE(plan_with("{name: w, wait.tcp: {address: '{{ labels.v }}:80'}}", value).has_value());
    REQUIRE_FALSE(plan_with("{name: s, docker.stop: {grace: '{{ labels.v }}'}}", value).has_value());
  }
}

TEST_CASE("a plan with a hostile value is printed without control characters") {
  for (const auto& value : corpus()) {
    const auto plan = plan_with("{name: c, command: {argv: [/bin/fix, 'x{{ labels.v }}']}}", value);
    if (!plan) continue;
    const auto text = explain(*plan);
    REQUIRE(text.find('\r') == std::string::npos);
    REQUIRE(text.find("must never appear") == std::string::npos);
    REQUIRE(plan->canonical.find('\n') == std::string::npos);
  }
}

}  // namespace
}  // namespace heal::playbook
