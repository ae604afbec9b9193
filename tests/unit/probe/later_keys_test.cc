// Keys that blackbox_exporter has since 0.23.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "tests/unit/probe/read_modules.h"

namespace heal::probe {
namespace {

Read read_http(const std::string& keys) {
  return read("m: {prober: http, http: {" + keys + "}}");
}

const std::string kOauth2 = "oauth2: {client_id: a, client_secret: b, token_url: 'http://x', ";

TEST_CASE("keys that are newer than 0.23 are read") {
  const auto text = GENERATE(values<std::string>({
      "m: {prober: http, http: {body_file: x}}",
      "m: {prober: http, http: {body: '', body_file: x}}",
      "m: {prober: http, http: {enable_http3: false}}",
      "m: {prober: http, http: {http_headers: {}}}",
      "m: {prober: http, http: {http_headers: {X-A: }}}",
      "m: {prober: http, http: {http_headers: {X-A: {values: [1, b], secrets: [c], files: [d]}}}}",
      "m: {prober: http, http: {proxy_url: 'http://p', no_proxy: x}}",
      "m: {prober: http, http: {proxy_url: '', no_proxy: x}}",
      "m: {prober: http, http: {no_proxy: ''}}",
      "m: {prober: http, http: {proxy_from_environment: true}}",
      "m: {prober: http, http: {proxy_from_environment: true, proxy_url: '', proxy_connect_header: {A: [b]}}}",
      "m: {prober: http, http: {proxy_url: 'http://p', proxy_connect_header: {A: [b, c], D: }}}",
      "m: {prober: http, http: {basic_auth: {username_file: x, password: y}}}",
      "m: {prober: http, http: {tls_config: {ca: x}}}",
      "m: {prober: http, http: {tls_config: {ca: x, ca_file: ''}}}",
      "m: {prober: http, http: {tls_config: {cert: x, key: y}}}",
      "m: {prober: http, http: {tls_config: {cert: x, key_file: y}}}",
      "m: {prober: http, http: {" + kOauth2 + "grant_type: client_credentials}}}",
      "m: {prober: http, http: {" + kOauth2 + "proxy_from_environment: yes}}}",
      "m: {prober: http, http: {" + kOauth2 + "proxy_url: 'http://p', no_proxy: x, proxy_connect_header: {A: [b]}}}}",
      "m: {prober: tcp, tcp: {query_response: [{expect_bytes: a}]}}",
      "m: {prober: tcp, tcp: {query_response: [{expect: a, labels: []}]}}",
      "m: {prober: tcp, tcp: {query_response: [{expect: a, labels: [{name: b, value: $1}, {name: c}]}]}}",
      "m: {prober: unix}",
      "m: {prober: unix, unix: {query_response: [{expect: a, send: b}]}}",
      "m: {prober: unix, unix: {tls: true, tls_config: {server_name: a}}}",
      "m: {prober: http, unix: {}}",
  }));
  CAPTURE(text);
  const Read result = read(text);
  CHECK(result.messages.empty());
  REQUIRE(result.modules);
  // What is shown of it is the same again.
  const std::string shown = modules_yaml(*result.modules);
  CAPTURE(shown);
  const Read again = read(shown.substr(shown.find('\n') + 1));
  CHECK(again.messages.empty());
  REQUIRE(again.modules);
  CHECK(modules_yaml(*again.modules) == shown);
}

struct RefusedKeys {
  std::string keys, message;
};

TEST_CASE("what contradicts itself in an http section is refused") {
  const auto c = GENERATE(values<RefusedKeys>({
      {"body: a, body_file: b", "\"body\" and \"body_file\" cannot both be given"},
      {"no_proxy: x", "\"no_proxy\" needs \"proxy_url\""},
      {"proxy_url: , no_proxy: x", "\"no_proxy\" needs \"proxy_url\""},
      {"proxy_from_environment: true, proxy_url: 'http://p'",
       "\"proxy_url\" and \"proxy_from_environment\" cannot both be given"},
      {"proxy_from_environment: true, no_proxy: x",
       "\"no_proxy\" cannot be given with \"proxy_from_environment\", which brings NO_PROXY"},
      {"proxy_connect_header: {A: [b]}", "\"proxy_connect_header\" needs \"proxy_url\" or \"proxy_from_environment\""},
      {kOauth2 + "no_proxy: x}", "\"no_proxy\" needs \"proxy_url\""},
      {kOauth2 + "grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer'}",
       "\"grant_type\" is not supported by heal-exporter"},
      {kOauth2 + "client_certificate_key_file: x}",
       "\"client_certificate_key_file\" is not supported by heal-exporter"},
      {"basic_auth: {username: u, username_file: f}", "\"username\" and \"username_file\" cannot both be given"},
      {"basic_auth: {username_ref: f}", "\"username_ref\" is not supported by heal-exporter"},
      {"authorization: {credentials_ref: f}", "\"credentials_ref\" is not supported by heal-exporter"},
      {"tls_config: {ca: x, ca_file: y}", "\"ca\" and \"ca_file\" cannot both be given"},
      {"tls_config: {cert: x, cert_file: y, key: z}", "\"cert\" and \"cert_file\" cannot both be given"},
      {"tls_config: {cert: x, key: topsecret, key_file: z}", "\"key\" and \"key_file\" cannot both be given"},
      {"tls_config: {cert: x}", "a client certificate needs \"key\" or \"key_file\""},
      {"tls_config: {key: topsecret}", "a client's key needs \"cert\" or \"cert_file\""},
      {"tls_config: {key: [topsecret], cert: x}", "\"key\" must be a text in PEM"},
      {"tls_config: {key_ref: x}", "\"key_ref\" is not supported by heal-exporter"},
      {"enable_http3: true", "\"enable_http3\" is not supported by heal-exporter"},
      {"fail_if_body_json_matches_cel: x", "\"fail_if_body_json_matches_cel\" is not supported by heal-exporter"},
      {"fail_if_body_json_not_matches_cel: x",
       "\"fail_if_body_json_not_matches_cel\" is not supported by heal-exporter"},
      {"http_headers: {host: {values: [x]}}", "\"http_headers\" cannot set the header \"Host\""},
      {"http_headers: {accept-encoding: {}}", "\"http_headers\" cannot set the header \"Accept-Encoding\""},
      {"http_headers: {X-A: topsecret}", "header \"X-A\" must be a map of values, secrets and files"},
      {"http_headers: {X-A: {secrets: topsecret}}", "\"secrets\" must be a list of texts"},
      {"http_headers: {X-A: {secrets: [[topsecret]]}}", "\"secrets\" must be a list of texts"},
      {"http_headers: {X-A: {secrets: [\"topsecret\\nX-B: c\"]}}", "header \"X-A\" must have a name and be one line"},
      {"http_headers: {X-A: {value: [x], secrets: [one, topsecret]}}",
       "unknown key \"value\" in a header of http_headers"},
      {"http_headers: {X-A: {files: ['']}}", "item 1 of \"files\" must be a text that is not empty"},
      {"proxy_url: 'http://p', proxy_connect_header: {A: topsecret}", "\"A\" must be a list of texts"},
      {"proxy_url: 'http://p', proxy_connect_header: {A: [topsecret]}, bogus: 1", "unknown key \"bogus\" in "},
      {"proxy_url: 'u:topsecret@h:1'", "\"proxy_url\" must be a URL that begins with "},
      {"proxy_url:\n    '//u:topsecret@h:1'", "\"proxy_url\" must be a URL that begins with "},
      {"oauth2: {client_id: a, client_secret: b, token_url: 'u:topsecret@h:1'}", "\"token_url\" must be an http://"},
      {"oauth2: {client_id: a, client_secret:\n    [topsecret]}", "\"client_secret\" must be a text"},
      {kOauth2 + "client_certificate_key: topsecret}", "\"client_certificate_key\" is not supported by heal-exporter"},
      {"headers: {X-Api-Key:\n    [topsecret]}", "\"X-Api-Key\" must be a text, not a list"},
      {"tls_config: {cert: x, key: topsecret, bogus: 1}", "unknown key \"bogus\" in a tls_config"},
      {"http_headers: {X-A: {secrets: [\"a]b\", \"topsecret\"], bogus: 1}}",
       "unknown key \"bogus\" in a header of http_headers"},
  }));
  CAPTURE(c.keys);
  const Read result = read_http(c.keys);
  CAPTURE(result.messages);
  CHECK(result.messages.find(" error: " + c.message) != std::string::npos);
  CHECK(result.messages.find("topsecret") == std::string::npos);
}

TEST_CASE("a text that holds a certificate and its key is not shown") {
  const Read result = read_http("tls_config: {cert: \"CERTIFICATE topsecret PRIVATE KEY\", key_file: k, ca: one}");
  REQUIRE(result.modules);
  const std::string shown = modules_yaml(*result.modules);
  CHECK(shown.find("      cert: <secret>\n") != std::string::npos);
  CHECK(shown.find("      ca: one\n") != std::string::npos);
  CHECK(shown.find("topsecret") == std::string::npos);
}

TEST_CASE("what contradicts itself in a dialogue is refused") {
  const auto c = GENERATE(values<RefusedKeys>({
      {"expect: a, expect_bytes: b", "\"expect\" and \"expect_bytes\" cannot both be given"},
      {"expect: a, labels: {a: b}", "\"labels\" must be a list of labels, each with name and value"},
      {"expect: a, labels: [{value: b}]", "a label needs \"name\""},
      {"expect: a, labels: [{name: 'a-b'}]", "\"a-b\" cannot be the name of a label"},
      {"expect: a, labels: [{name: 1a}]", "\"1a\" cannot be the name of a label"},
      {"expect: a, labels: [{name: __a}]", "\"__a\" cannot be the name of a label"},
      {"expect: a, labels: [{name: ''}]", "\"\" cannot be the name of a label"},
      {"expect: a, labels: [{name: a}, {name: a}]", "the label \"a\" is there already"},
      {"expect: a, labels: [{name: a, text: b}]", "unknown key \"text\" in a label"},
  }));
  const std::string section = GENERATE("tcp", "unix");
  CAPTURE(c.keys, section);
  const Read result = read("m: {prober: " + section + ", " + section + ": {query_response: [{" + c.keys + "}]}}");
  CAPTURE(result.messages);
  CHECK(result.messages.find(" error: " + c.message) != std::string::npos);
}

TEST_CASE("what can never help is read with a warning") {
  for (const char* text :
       {"m: {prober: tcp, tcp: {query_response: [{expect_bytes: a, labels: [{name: b}]}]}}",
        "m: {prober: unix, unix: {tls: true}}", "m: {prober: unix, unix: {query_response: [{starttls: true}]}}"}) {
    CAPTURE(text);
    const Read result = read(text);
    CHECK(result.messages.find(" warning: ") != std::string::npos);
    CHECK(result.messages.find(" error: ") == std::string::npos);
  }
}

TEST_CASE("the keys arrive in the settings, and what is secret is not shown") {
  const Read result = read(
      "m:\n  prober: http\n  http:\n    http_headers:\n      x-b: {values: [plain], secrets: [topsecret, topsecret2], "
      "files: [/f]}\n      X-Api-Key: {values: [topsecret]}\n"
      "    body_file: /body\n    proxy_url: http://u:topsecret@p:1\n    no_proxy: .example\n"
      "    proxy_connect_header: {A: [topsecret]}\n    basic_auth: {username_file: /u, password: topsecret}\n"
      "    tls_config:\n      ca: |\n        one\n        two\n      cert: c\n      key: |\n        topsecret\n");
  CHECK(result.messages.empty());
  const HttpSettings& http = result.modules->at("m")->http;
  CHECK(http.http_headers == std::vector<InjectedHeader>{{"x-b", {"plain"}, {"topsecret", "topsecret2"}, {"/f"}},
                                                         {"X-Api-Key", {"topsecret"}, {}, {}}});
  CHECK(http.body_file == "/body");
  CHECK(http.proxy.no_proxy == ".example");
  CHECK(http.proxy.connect_headers == std::vector<std::pair<std::string, std::string>>{{"A", "topsecret"}});
  CHECK(http.proxy.rules == ProxyRules::of("http://u:topsecret@p:1", ".example"));
  CHECK(http.credentials.username_file == "/u");
  CHECK(http.tls.ca == "one\ntwo\n");
  CHECK(http.tls.cert == "c");
  CHECK(http.tls.key == "topsecret\n");
  const std::string shown = modules_yaml(*result.modules);
  CHECK(shown.find("topsecret") == std::string::npos);
  CHECK(shown.find("username_file: \"/u\"") != std::string::npos);
  CHECK(shown.find("values:\n            - plain\n") != std::string::npos);
}

TEST_CASE("the proxy of the environment is the one that it had when the file was read") {
  ::setenv("HTTP_PROXY", "http://u:topsecret@p:1", 1);
  const Read result = read_http("proxy_from_environment: true");
  ::setenv("HTTP_PROXY", "gopher://u:topsecret@p:1", 1);
  const Read broken = read_http("proxy_from_environment: true");
  ::unsetenv("HTTP_PROXY");
  CHECK(result.messages.empty());
  const ProxySettings& proxy = result.modules->at("m")->http.proxy;
  CHECK(proxy.is_set());
  CHECK(proxy.rules.proxy_for(*Url::parse("http://a/"), "a") == "http://u:topsecret@p:1");
  CHECK(modules_yaml(*result.modules).find("topsecret") == std::string::npos);
  CHECK(broken.messages.find("the environment's HTTP_PROXY must be host:port or a URL") != std::string::npos);
  CHECK(broken.messages.find("topsecret") == std::string::npos);
}

}  // namespace
}  // namespace heal::probe
