#include "common/httpd/web_config.h"

#include <catch2/catch.hpp>

#include "common/httpd/authenticator.h"

namespace heal::httpd {
namespace {

// "open sesame", cost 4.
constexpr const char* kBcryptHash = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";

std::string problem(const std::string& text) {
  const auto parsed = parse_web_config("dir/web.yml", text);
  return parsed.has_value() ? "" : parsed.error().str();
}

TEST_CASE("exporter-toolkit's keys are understood, files are found beside the configuration") {
  const auto parsed = parse_web_config("/etc/heal/web.yml", std::string(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519]
  prefer_server_cipher_suites: yes
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security:
basic_auth_users:
  alice: )") + kBcryptHash + "\n");
  INFO((parsed.has_value() ? "" : parsed.error().str()));
  REQUIRE(parsed.has_value());
  TlsSettings tls;
  tls.cert_file = "/etc/heal/server.crt";
  tls.key_file = "/keys/server.key";
  tls.client_auth = ClientAuth::kRequireAndVerify;
  tls.client_ca_file = "/etc/heal/ca.crt";
  tls.client_allowed_sans = {"prometheus"};
  tls.ciphers = {"ECDHE-RSA-AES128-GCM-SHA256"};
  tls.curves = {"X25519"};
  REQUIRE(*parsed == WebConfig{tls, {{"X-Frame-Options", "deny"}}, {{"alice", kBcryptHash}}});
  REQUIRE(parse_web_config("x", "").value() == WebConfig{});
}

TEST_CASE("mistakes are named with their place") {
  struct Case {
    std::string text;
    std::string message;
  };
  const auto c = GENERATE(values<Case>({
      {"tls_server_confg: {}\n",
       "dir/web.yml:1:1: unknown key \"tls_server_confg\" in the web configuration (did you mean "
       "\"tls_server_config\"?)"},
      {"tls_server_config:\n  cert_file: a\n", "dir/web.yml:2:3: one of \"key\" and \"key_file\" is required"},
      {"tls_server_config: {cert_file: a, key_file: b, min_version: TLS99}\n",
       "dir/web.yml:1:61: \"min_version\" must be one of TLS10, TLS11, TLS12, TLS13, not \"TLS99\""},
      {"tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}\n",
       "dir/web.yml:1:20: client certificates cannot be verified without \"client_ca_file\""},
      {"basic_auth_users: {bob: secret}\n",
       "dir/web.yml:1:25: the password must be given as a bcrypt hash (make one with: htpasswd -nBC 10 NAME)"},
      {"http_server_config: {headers: {X-Other: a}}\n",
       "dir/web.yml:1:32: unknown key \"X-Other\" in headers (expected one of Content-Security-Policy, "
       "Strict-Transport-Security, X-Content-Type-Options, "
       "X-Frame-Options, X-XSS-Protection)"},
  }));
  CAPTURE(c.text);
  REQUIRE(problem(c.text) == c.message);
}

TEST_CASE("basic authentication headers are decoded strictly") {
  const auto alice = parse_basic_auth("Basic YWxpY2U6b3BlbjpzZXNhbWU=");
  REQUIRE(alice.has_value());
  REQUIRE(alice->user == "alice");
  REQUIRE(alice->password == "open:sesame");
  REQUIRE(parse_basic_auth("basic YTo=")->user == "a");
  for (const char* bad :
       {"", "Basic", "Basic ", "Bearer YTo=", "Basic YQ==", "Basic !!!!", "Basic YTo", "Basic ===="}) {
    CAPTURE(bad);
    REQUIRE_FALSE(parse_basic_auth(bad).has_value());
  }
  REQUIRE_FALSE(parse_basic_auth("Basic AGE6Yg==").has_value());  // a NUL would cut the password for crypt
}

TEST_CASE("a right password is remembered, a wrong one never, a changed hash forgets") {
  Authenticator authenticator;
  WebConfig web;
  web.users = {{"alice", kBcryptHash}};
  const Credentials right{"alice", "open sesame"}, wrong{"alice", "open"}, nobody{"bob", "open sesame"};
  REQUIRE_FALSE(authenticator.is_known(web, right));
  REQUIRE(authenticator.verify(web, right));
  REQUIRE(authenticator.is_known(web, right));
  REQUIRE_FALSE(authenticator.verify(web, wrong));
  REQUIRE_FALSE(authenticator.is_known(web, wrong));
  REQUIRE_FALSE(authenticator.verify(web, nobody));
  REQUIRE_FALSE(authenticator.is_known(web, nobody));
  web.users["alice"] = "$2b$04$abcdefghijklmnopqrstuuxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
  REQUIRE_FALSE(authenticator.is_known(web, right));
}

}  // namespace
}  // namespace heal::httpd
