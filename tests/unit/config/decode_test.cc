#include "common/config/decode.h"

#include <functional>

#include <catch2/catch.hpp>

#include "common/base/redact.h"

namespace heal::config {
namespace {

/// Reads `text` with `decode` and gives the rendered diagnostics.
std::string problems(const std::string& text, const std::function<void(Value)>& decode,
                     Dialect dialect = Dialect::kStrict) {
  const Source source("f.yml", text);
  Diagnostics diagnostics;
  if (const auto node = parse_yaml(source, diagnostics)) decode(Value(*node, source, diagnostics, dialect, "the file"));
  return diagnostics.render();
}

struct Service {
  std::string name;
  Duration timeout = 5s;
  bool enabled = true;
  std::int64_t port = 80;
  std::vector<std::string> tags{"default"};
  bool operator==(const Service&) const = default;
};

Service read_service(const Value& value) {
  Service out;
  MapReader map(value, "a service");
  map.required("name", out.name, as_nonempty_string);
  map.optional("timeout", out.timeout, as_duration);
  map.optional("enabled", out.enabled, as_bool);
  map.optional("port", out.port, as_integer(1, 65535));
  map.optional("tags", out.tags, as_list(as_string));
  map.finish();
  return out;
}

TEST_CASE("a URL with a password in it is refused without showing the password") {
  CHECK(problems("url: http://me:hunter2@am:9093\n",
                 [](const Value& value) {
                   MapReader map(value, "the file");
                   std::string url;
                   map.optional("url", url, as_http_url);
                   map.finish();
                 }) ==
        "f.yml:1:6: error: \"url\" is not a URL that can be used: it must not hold a user or password\n"
        "    url: http://**********@am:9093\n"
        "         ^\n");
}

TEST_CASE("a map is read into a struct whose initialisers are the defaults") {
  Service service;
  const auto read = [&](Value v) { service = read_service(v); };
  REQUIRE(problems("name: a", read).empty());
  REQUIRE(service == Service{"a", 5s, true, 80, {"default"}});
  REQUIRE(problems("{name: b, timeout: 1m30s, enabled: false, port: 8080, tags: [x, y]}", read).empty());
  REQUIRE(service == Service{"b", 90s, false, 8080, {"x", "y"}});
}

TEST_CASE("all mistakes of a file are reported at once, in the file's order") {
  REQUIRE(
      problems("timout: 5s\nenabled: 'true'\nport: 0\ntags: [a, {b: 1}]\nname:\n", [](Value v) { read_service(v); }) ==
      R"(f.yml:1:1: error: unknown key "timout" in a service
    timout: 5s
    ^
hint: did you mean "timeout"?
f.yml:2:10: error: "enabled" must be true or false, not "true" in quotes
    enabled: 'true'
             ^
f.yml:3:7: error: "port" must be a whole number from 1 to 65535, not "0"
    port: 0
          ^
f.yml:4:11: error: item 2 of "tags" must be a text, not a map
    tags: [a, {b: 1}]
              ^
f.yml:5:1: error: "name" must be a text that is not empty, not empty
    name:
    ^
)");
}

TEST_CASE("a missing key is reported where its map begins") {
  REQUIRE(problems("port: 80", [](Value v) { read_service(v); }) ==
          "f.yml:1:1: error: a service needs \"name\"\n    port: 80\n    ^\n");
}

TEST_CASE("a value that is no map is reported once") {
  REQUIRE(problems("[a]", [](Value v) { read_service(v); }) ==
          "f.yml:1:1: error: the file must be a map, not a list\n    [a]\n    ^\n");
  REQUIRE(problems("", [](Value v) { read_service(v); }) == "f.yml:1:1: error: the file must be a map, not empty\n");
}

TEST_CASE("each decoder says what it wanted") {
  using Decode = std::function<void(const Value&)>;
  struct Case {
    const char* text;
    Decode decode;
    const char* message;
  };
  const auto c = GENERATE(values<Case>({
      {"yes", as_bool, "the file must be true or false, not \"yes\""},
      {"5", as_duration, "the file must be a duration like 30s or 1h30m, not \"5\""},
      {"-5s", as_duration, "the file must be a duration like 30s or 1h30m, not \"-5s\""},
      {"0s", as_positive_duration, "the file must be a duration of more than zero, not \"0s\""},
      {"1d", as_go_duration, "the file must be a duration like 1.5s or 1m30s, not \"1d\""},
      {"'5'", as_integer(), "the file must be a whole number, not \"5\" in quotes"},
      {"007", as_integer(0), "the file must be a whole number of at least 0, not \"007\""},
      {"1e3", as_integer(), "the file must be a whole number, not \"1e3\""},
      {".nan", as_number(), "the file must be a number, not \".nan\""},
      {"1.5", as_number(0, 1), "the file must be a number from 0 to 1, not \"1.5\""},
      {"12 parsecs", as_byte_size, "the file must be a size like 512, 64KiB or 10MiB, not \"12 parsecs\""},
      {"99999999999999GiB", as_byte_size,
       "the file must be a size like 512, 64KiB or 10MiB, not \"99999999999999GiB\""},
      {"(", as_regex, "\"(\" is not a regular expression: missing ): ("},
      {"a", as_matchers, "\"a\" is not a matcher: expected one of = != =~ !~ at character 2"},
      {"''", as_matchers, "the file holds no matcher"},
      {"ftp://x", as_http_url,
       "the file is not a URL that can be used: it must begin with http:// or https:// and a host"},
      {"http://u:p@x", as_http_url, "the file is not a URL that can be used: it must not hold a user or password"},
      {"'http://x/a b'", as_http_url,
       "the file is not a URL that can be used: it holds a character that must be written as %XX"},
      {"http://x:0/", as_http_url, "the file is not a URL that can be used: its host or port is not well-formed"},
      {"nginx", as_host_port, "the file must be host:port or [v6]:port, not \"nginx\""},
      {"::1:80", as_host_port, "the file must be host:port or [v6]:port, not \"::1:80\""},
      {"[]", as_nonempty_string, "the file must be a text that is not empty, not a list"},
      {"a", as_string_map, "the file must be a map of texts, not \"a\""},
      {"a", as_list(as_string), "the file must be a list, not \"a\""},
  }));
  CAPTURE(c.text);
  REQUIRE(problems(c.text, c.decode) ==
          std::string("f.yml:1:1: error: ") + c.message + "\n    " + redact_line(c.text) + "\n    ^\n");
}

template <typename Decode>
auto decoded(const std::string& text, Decode decode, Dialect dialect = Dialect::kStrict) {
  using Out = decltype(decode(std::declval<const Value&>()));
  Out out;
  const auto wrong = problems(
      text, [&](Value v) { out = decode(v); }, dialect);
  INFO(wrong);
  REQUIRE(out.has_value());
  return *out;
}

TEST_CASE("each decoder reads what it wants") {
  REQUIRE(decoded("1h30m", as_duration) == 90min);
  REQUIRE(decoded("1.5s", as_go_duration) == 1500ms);
  REQUIRE(decoded("-12", as_integer()) == -12);
  REQUIRE(decoded("0.5", as_number(0, 1)) == 0.5);
  REQUIRE(decoded("64KiB", as_byte_size) == 65536);
  REQUIRE(decoded("5MB", as_byte_size) == 5'000'000);
  REQUIRE(decoded("5MB", as_byte_size, Dialect::kGoYaml) == 5U << 20);
  REQUIRE(decoded("512", as_byte_size) == 512);
  REQUIRE(decoded("a.*b", as_regex).full_match("axxb"));
  REQUIRE(decoded("['a=\"1\", b!=c', 'd=e']", as_matcher_list).size() == 3);
  REQUIRE(decoded("https://[::1]:8443/x?y=z", as_http_url) == "https://[::1]:8443/x?y=z");
  REQUIRE(decoded("'[::1]:80'", as_host_port) == "[::1]:80");
  REQUIRE(decoded("{a: 1, b: x}", as_string_map) ==
          std::map<std::string, std::string, std::less<>>{{"a", "1"}, {"b", "x"}});
}

TEST_CASE("the Go dialect knows YAML 1.1 booleans and lets empty keys be absent") {
  const char* yes = GENERATE("yes", "On", "TRUE", "y");
  REQUIRE(decoded(yes, as_bool, Dialect::kGoYaml));
  REQUIRE_FALSE(decoded("no", as_bool, Dialect::kGoYaml));
  Service service;
  REQUIRE(problems(
              "name: a\ntimeout:\n", [&](Value v) { service = read_service(v); }, Dialect::kGoYaml)
              .empty());
  REQUIRE(service.timeout == 5s);
}

TEST_CASE("a word that is none of the known ones is answered with the nearest") {
  const as_enum<int> mode({{"shadow", 0}, {"approve", 1}, {"auto", 2}});
  REQUIRE(decoded("auto", mode) == 2);
  REQUIRE(problems("autoo", [&](Value v) { mode(v); }) ==
          "f.yml:1:1: error: the file must be one of shadow, approve, auto, not \"autoo\"\n    autoo\n    ^\n"
          "hint: did you mean \"auto\"?\n");
  REQUIRE(problems("[auto]", [&](Value v) { mode(v); }) ==
          "f.yml:1:1: error: the file must be one of shadow, approve, auto, not a list\n    [auto]\n    ^\n");
}

TEST_CASE("an unknown key with no near one is answered with the known ones") {
  REQUIRE(problems("name: x\nzzzzzz: 1", [](Value v) { read_service(v); }) ==
          "f.yml:2:1: error: unknown key \"zzzzzz\" in a service\n    zzzzzz: 1\n    ^\n"
          "hint: expected one of name, timeout, enabled, port, tags\n");
}

TEST_CASE("a secret comes from one place and is never shown") {
  Secret secret;
  const auto read = [&](Value v) {
    MapReader map(v, "an account");
    secret = Secret();
    read_secret(map, "password", secret);
    map.finish();
  };
  REQUIRE(problems("password: hunter2", read).empty());
  REQUIRE(secret == Secret{"hunter2", ""});
  REQUIRE(problems("password_file: /run/secrets/p", read).empty());
  REQUIRE(secret == Secret{"", "/run/secrets/p"});
  REQUIRE(problems("password: hunter2\npassword_file: p", read) ==
          "f.yml:2:1: error: \"password\" and \"password_file\" cannot both be given\n    password_file: p\n    ^\n");
}

TEST_CASE("an error inside of a scalar points into it") {
  const auto at_three = [](Value v) { v.error_at(3, "here"); };
  REQUIRE(problems("abcdef", at_three) == "f.yml:1:4: error: here\n    abcdef\n       ^\n");
  REQUIRE(problems("'abcdef'", at_three) == "f.yml:1:5: error: here\n    'abcdef'\n        ^\n");
  REQUIRE(problems("\"a\\tcdef\"", at_three) == "f.yml:1:1: error: here\n    \"a\\tcdef\"\n    ^\n");
  REQUIRE(problems("|\n  abcdef\n", at_three) == "f.yml:1:1: error: here\n    |\n    ^\n");
}

TEST_CASE("what stands at an anchor is reported once") {
  const auto read = [](Value v) {
    for (const auto& item : v.items())
      as_integer()(item);
  };
  REQUIRE(problems("[&a x, *a, *a]", read) ==
          "f.yml:1:2: error: item 1 of the file must be a whole number, not \"x\"\n    [&a x, *a, *a]\n     ^\n"
          "f.yml:1:2: error: item 2 of the file must be a whole number, not \"x\"\n    [&a x, *a, *a]\n     ^\n"
          "f.yml:1:2: error: item 3 of the file must be a whole number, not \"x\"\n    [&a x, *a, *a]\n     ^\n");
}

TEST_CASE("a long line is shown around the mistake") {
  const auto text = "k: [" + std::string(300, 'a') + ", " + std::string(300, 'b') + "]";
  const auto message = problems(text, [](Value v) { v.child(v.node().entries[0]).items()[1].error("here"); });
  REQUIRE(message == "f.yml:1:307: error: here\n    " + std::string(77, 'a') + ", " + std::string(81, 'b') + "\n    " +
                         std::string(79, ' ') + "^\n");
}

TEST_CASE("one log line says the first error and how many more there are") {
  const Source source("f.yml", "a: 1\nb: 2\n");
  Diagnostics diagnostics;
  const auto node = parse_yaml(source, diagnostics);
  MapReader(Value(*node, source, diagnostics, Dialect::kStrict, "the file"), "a file").finish();
  REQUIRE(diagnostics.to_error().str() == "f.yml:1:1: unknown key \"a\" in a file (and 1 more error)");
}

}  // namespace
}  // namespace heal::config
