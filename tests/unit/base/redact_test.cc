#include "common/base/redact.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("names of secrets are known, however they are written") {
  for (const char* name : {"Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-Api-Key", "x_api_key",
                           "X-Auth-Token", "PRIVATE-TOKEN", "password", "X-Vault-Token", "client_secret"}) {
    CAPTURE(name);
    CHECK(is_secret_name(name));
  }
  for (const char* name : {"", "Accept", "Content-Type", "Idempotency-Key", "password_file", "X-Request-Id"}) {
    CAPTURE(name);
    CHECK_FALSE(is_secret_name(name));
  }
}

TEST_CASE("keys whose values no message may show are more than names of secrets") {
  for (const char* key :
       {"password", "secrets", "key", "client_certificate_key", "proxy_connect_header", "proxy_url"}) {
    CAPTURE(key);
    CHECK(is_secret_key(key));
  }
  for (const char* key : {"key_file", "cert", "no_proxy", "url", "keys"}) {
    CAPTURE(key);
    CHECK_FALSE(is_secret_key(key));
  }
}

TEST_CASE("a line is shown without its secrets, and its columns stay") {
  struct Case {
    const char* line;
    const char* shown;
  };
  const auto c = GENERATE(values<Case>({
      {"  url: http://me:pässword@am:9093/x", "  url: http://***********@am:9093/x"},
      {"[\"https://a:b@x/\", 'http://c@d@y']", "[\"https://***@x/\", 'http://***@y']"},
      {"  password: hunter2, with a comma", "  password: *********************"},
      {"  password: \"a\\\"b\" # c", "  password: ****** # c"},
      {"headers: {Authorization: \"Bearer a, b}\", Accept: json}",
       "headers: {Authorization: **************, Accept: json}"},
      {"'X-Api-Key': abc", "'X-Api-Key': ***"},
      {"password_file: /etc/x", "password_file: /etc/x"},
      {"basic_auth: {username: u, password: p}", "basic_auth: {username: u, password: *}"},
      {"{secrets: [a, b], files: [c]}", "{secrets: *****], files: [c]}"},
      {"{cert: \"-----BEGIN PRIVATE KEY-----\\nMIG\", x: y}", "{cert: \"****************************************"},
      {"    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMIGHAgEAMBMGByqG",
       "    ****************************************************************"},
      {"    -----BEGIN CERTIFICATE-----", "    -----BEGIN CERTIFICATE-----"},
      {"{secrets: [\"a]b\", \"hunter2\"], bogus: 1}", "{secrets: *****************], bogus: 1}"},
      {"{secrets: ['it''s]', [x], y's], bogus: 1}", "{secrets: *******************], bogus: 1}"},
      {"{secrets: [\"a\"]b\", \"hunter2\"], bogus: 1}", "{secrets: ******************************"},
      {"{secrets: [a, \"hunter2", "{secrets: ************"},
      {"  password: \"a\"hunter2", "  password: **********"},
      {"  password: 'it''s' # c", "  password: ******* # c"},
      {"{password: !!str \"a,b\", bogus: 1}", "{password: ***********, bogus: 1}"},
      {"{password : a, bogus: 1}", "{password : *, bogus: 1}"},
      {"proxy_connect_header: {X-Foo: [hunter2]}, bogus: 1", "proxy_connect_header: *****************}, bogus: 1"},
      {"authorization: {type: Bearer, credentials: hunter2}", "authorization: {type: Bearer, credentials: *******}"},
      {"tls_config: {cert: x, key: hunter2, bogus: 1}", "tls_config: {cert: x, key: *******, bogus: 1}"},
      {"{proxy_url: \"u:hunter2@h:1\", bogus: 1}", "{proxy_url: ***************, bogus: 1}"},
      {"nothing: here", "nothing: here"},
  }));
  CHECK(redact_line(c.line) == c.shown);
}

}  // namespace
}  // namespace heal
