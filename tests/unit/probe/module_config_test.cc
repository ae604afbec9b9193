#include "common/probe/module_config.h"

#include <catch2/catch.hpp>

#include "common/config/yaml.h"

namespace heal::probe {
namespace {

struct Read {
  std::optional<Modules> modules;
  std::string messages;
};

Read read(const std::string& text) {
  config::Diagnostics diagnostics;
  const config::Source source("blackbox.yml", text);
  const std::optional<config::Node> node = config::parse_yaml(source, diagnostics);
  Read out;
  if (node) out.modules = as_modules({*node, source, diagnostics, config::Dialect::kGoYaml, "the file"});
  out.messages = diagnostics.render();
  return out;
}

TEST_CASE("a module that names only its prober has blackbox_exporter's defaults") {
  const Read result = read("m: {prober: http}");
  CHECK(result.messages.empty());
  const Module& module = *result.modules->at("m");
  CHECK(module.http == HttpSettings{});
  CHECK(module.http.method == "GET");
  CHECK(module.http.follow_redirects);
  CHECK(module.http.ip == IpChoice{AddressFamily::kV6, true});
  CHECK(module.timeout == Duration::zero());
}

TEST_CASE("the old redirect key wins, sizes are base 2, booleans may be YAML 1.1") {
  const Read result = read(
      "m:\n  prober: http\n  timeout: 1m1.5s\n  http: {follow_redirects: true, no_follow_redirects: yes, "
      "body_size_limit: 2KB}\n");
  CHECK(result.messages.empty());
  const Module& module = *result.modules->at("m");
  CHECK_FALSE(module.http.follow_redirects);
  CHECK(module.http.body_size_limit == 2048);
  CHECK(module.timeout == 61500ms);
}

TEST_CASE("every mistake is reported at its place") {
  const auto [name, text, messages] = GENERATE(table<std::string, std::string, std::string>({
      {"later prober", "m: {prober: icmp}",
       "blackbox.yml:1:13: error: prober \"icmp\" is not supported by heal-exporter\n    m: {prober: icmp}\n"
       "                ^\nhint: it has http and tcp\n"},
      {"later key", "m:\n  prober: http\n  http:\n    oauth2: {}\n",
       "blackbox.yml:4:5: error: \"oauth2\" is not supported by heal-exporter\n        oauth2: {}\n        ^\n"
       "hint: remove it; it is not ignored, because a probe without it would say something else\n"},
      {"two ways to authenticate", "m:\n  prober: http\n  http: {bearer_token: a, basic_auth: {username: u}}\n",
       "blackbox.yml:3:9: error: at most one of basic_auth, authorization, bearer_token and bearer_token_file can be "
       "given\n      http: {bearer_token: *, basic_auth: {username: u}}\n            ^\n"},
      {"basic as a type", "m:\n  prober: http\n  http: {authorization: {type: Basic, credentials: x}}\n",
       "blackbox.yml:3:25: error: authorization cannot be of type \"basic\"\n"
       "      http: {authorization: {type: Basic, credentials: *}}\n                            ^\nhint: use "
       "basic_auth\n"},
      {"encoding not accepted",
       "m:\n  prober: http\n  http: {compression: br, headers: {accept-encoding: 'gzip, *;q=0'}}\n",
       "blackbox.yml:3:9: error: header \"accept-encoding: gzip, *;q=0\" does not accept \"compression: br\"\n"
       "      http: {compression: br, headers: {accept-encoding: 'gzip, *;q=0'}}\n            ^\n"},
  }));
  CAPTURE(name);
  CHECK(read(text).messages == messages);
}

TEST_CASE("what blackbox_exporter refuses is refused") {
  const auto text = GENERATE(values<std::string>({
      "m: {prober: http, http: {fail_if_body_matches_regexp: [':[']}}",
      "m: {prober: http, http: {fail_if_header_matches: [{regexp: x}]}}",
      "m: {prober: http, http: {fail_if_header_matches: [{header: x}]}}",
      "m: {prober: http, http: {fail_if_header_matches: [{header: x, regexp: ''}]}}",
      "m: {prober: http, http: {bearer_token: a, bearer_token_file: b}}",
      "m: {prober: http, http: {basic_auth: {password: a, password_file: b}}}",
      "m: {prober: http, http: {valid_status_codes: [ok]}}",
      "m: {prober: http, http: {valid_status_codes: 200}}",
      "m: {prober: http, http: {follow_redirects: perhaps}}",
      "m: {prober: http, http: {tls_config: {insecure_skip_verify: true, x: y}}}",
      "m: {prober: http, http: {tls_config: {min_version: TLS9}}}",
      "m: {prober: http, http: {body_size_limit: many}}",
      "m: {prober: http, timeout: 5}",
      "m: {prober: http, timeout: 1d}",
      "m: {prober: tcp, tcp: {query_response: [{expect: '(', send: x}]}}",
      "m: {prober: tcp, tcp: {query_response: {expect: x}}}",
      "m: {prober: tcp, tcp: {unknown: 1}}",
      "m: {prober: tcp, prober: tcp}",
      "m: [1]",
      "- m",
  }));
  CAPTURE(text);
  CHECK_FALSE(read(text).messages.empty());
}

TEST_CASE("a module is shown without its secrets, as YAML that reads back the same") {
  const std::string text =
      "m:\n  prober: http\n  timeout: 2s\n  http:\n    method: POST\n    body: \"a: 'b'\\n\"\n"
      "    valid_status_codes: [200, 404]\n    headers: {X-Plain: 'yes', Authorization: topsecret}\n"
      "    fail_if_header_matches: [{header: a, regexp: '^\"x\\s'}]\n    proxy_url: http://user:topsecret@proxy:3128\n";
  const Read first = read(text);
  CHECK(first.messages.empty());
  const std::string shown = module_yaml(*first.modules->at("m"), 2);
  CHECK(shown.find("topsecret") == std::string::npos);
  const Read again = read("m:\n" + shown);
  CHECK(again.messages.empty());
  Module expected = *first.modules->at("m");
  expected.http.headers = {{"Authorization", "<secret>"}, {"X-Plain", "yes"}};
  expected.http.proxy_url = "http://<secret>@proxy:3128";
  CHECK(again.modules->at("m")->http == expected.http);
}

TEST_CASE("passwords and tokens are masked") {
  const Read result = read(
      "a: {prober: http, http: {basic_auth: {username: u, password: topsecret}}}\n"
      "b: {prober: http, http: {bearer_token: topsecret}}\n"
      "c: {prober: http, http: {bearer_token_file: /run/token}}\n");
  CHECK(result.messages.empty());
  const std::string shown = modules_yaml(*result.modules);
  CHECK(shown.find("topsecret") == std::string::npos);
  CHECK(shown.find("password: <secret>") != std::string::npos);
  CHECK(shown.find("credentials_file: \"/run/token\"") != std::string::npos);
}

}  // namespace
}  // namespace heal::probe
