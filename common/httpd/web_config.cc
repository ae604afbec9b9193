#include "common/httpd/web_config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/config/decode.h"
#include "common/config/file.h"
#include "common/httpd/tls.h"

namespace heal::httpd {
namespace {

using config::as_bool;
using config::as_list;
using config::as_nonempty_string;
using config::MapReader;
using config::Value;

constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string beside(const std::string& config_path, const std::string& file) {
  if (file.empty() || std::filesystem::path(file).is_absolute()) return file;
  return (std::filesystem::path(config_path).parent_path() / file).string();
}

const std::vector<std::pair<std::string, int>> kVersions{
    {"TLS10", 0x0301}, {"TLS11", 0x0302}, {"TLS12", 0x0303}, {"TLS13", 0x0304}};

const std::vector<std::pair<std::string, ClientAuth>> kClientAuths{
    {"NoClientCert", ClientAuth::kNone},
    {"RequestClientCert", ClientAuth::kRequest},
    {"RequireAnyClientCert", ClientAuth::kRequireAny},
    {"RequireClientCert", ClientAuth::kRequireAny},
    {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
    {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify}};

// crypto/tls' names as OpenSSL has them; those of TLS 1.3 cannot be chosen in Go either and are taken without effect.
const std::vector<std::pair<std::string, std::string>> kCiphers{
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""}};

const std::vector<std::pair<std::string, std::string>> kCurves{
    {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};

void check_pair(const MapReader& map, bool has_file, bool has_text, std::string_view name) {
  const std::string quoted = "\"" + std::string(name) + "\"";
  const std::string quoted_file = "\"" + std::string(name) + "_file\"";
  if (has_file && has_text) map.value().error("only one of " + quoted + " and " + quoted_file + " may be given");
  if (!has_file && !has_text) map.value().error("one of " + quoted + " and " + quoted_file + " is required");
}

void check_client_auth(const MapReader& map, const TlsSettings& tls) {
  const bool verifies =
      tls.client_auth == ClientAuth::kRequireAndVerify || tls.client_auth == ClientAuth::kVerifyIfGiven;
  const bool has_ca = !tls.client_ca_file.empty() || !tls.client_ca.empty();
  if (verifies && !has_ca) map.value().error("client certificates cannot be verified without \"client_ca_file\"");
  if (has_ca && !verifies) {
    map.value().error("\"client_ca_file\" has no effect with this client_auth_type",
                      "set client_auth_type: RequireAndVerifyClientCert");
  }
  if (!tls.client_allowed_sans.empty() && tls.client_auth != ClientAuth::kRequireAndVerify) {
    map.value().error("\"client_allowed_sans\" needs client_auth_type: RequireAndVerifyClientCert");
  }
}

TlsSettings read_tls(const Value& value, const std::string& path) {
  TlsSettings tls;
  MapReader map(value, "tls_server_config");
  for (auto [key, target] :
       {std::pair{"cert_file", &tls.cert_file}, {"key_file", &tls.key_file}, {"client_ca_file", &tls.client_ca_file}}) {
    if (map.optional(key, *target, as_nonempty_string)) *target = beside(path, *target);
  }
  map.optional("cert", tls.cert, as_nonempty_string);
  map.optional("key", tls.key, as_nonempty_string);
  map.optional("client_ca", tls.client_ca, as_nonempty_string);
  map.optional("client_auth_type", tls.client_auth, config::as_enum<ClientAuth>(kClientAuths));
  map.optional("client_allowed_sans", tls.client_allowed_sans, as_list(as_nonempty_string));
  map.optional("min_version", tls.min_version, config::as_enum<int>(kVersions));
  map.optional("max_version", tls.max_version, config::as_enum<int>(kVersions));
  map.optional("cipher_suites", tls.ciphers, as_list(config::as_enum<std::string>(kCiphers)));
  map.optional("curve_preferences", tls.curves, as_list(config::as_enum<std::string>(kCurves)));
  map.optional("prefer_server_cipher_suites", tls.prefers_own_ciphers, as_bool);
  map.finish();
  std::erase(tls.ciphers, "");
  check_pair(map, !tls.cert_file.empty(), !tls.cert.empty(), "cert");
  check_pair(map, !tls.key_file.empty(), !tls.key.empty(), "key");
  check_client_auth(map, tls);
  if (tls.min_version > tls.max_version) value.error("\"min_version\" is above \"max_version\"");
  return tls;
}

FieldList read_headers(const Value& value) {
  static constexpr std::string_view kAllowed[] = {"Content-Security-Policy", "Strict-Transport-Security",
                                                  "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection"};
  FieldList headers;
  MapReader map(value, "headers");
  for (const auto name : kAllowed) {
    std::string text;
    if (map.optional(name, text, config::as_string) && !text.empty()) headers.emplace_back(name, text);
  }
  map.finish();
  return headers;
}

void read_http(const Value& value, WebConfig& web) {
  MapReader map(value, "http_server_config");
  bool http2 = false;
  if (map.optional("http2", http2, as_bool) && http2) {
    value.warning("HTTP/2 is not spoken here; clients fall back to HTTP/1.1");
  }
  if (const auto headers = map.find("headers")) web.headers = read_headers(*headers);
  map.finish();
}

// `$2y$10$` and 53 characters of bcrypt's base 64.
bool is_bcrypt(std::string_view hash) {
  if (hash.size() != 60 || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$') return false;
  if (std::string_view("aby").find(hash[2]) == std::string_view::npos) return false;
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < 4 || cost > 31) return false;
  return std::ranges::all_of(hash.substr(7), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '/';
  });
}

void read_users(const Value& value, WebConfig& web) {
  MapReader map(value, "basic_auth_users");
  for (const auto& [entry, hash] : map.rest()) {
    if (entry->key.empty() || entry->key.find(':') != std::string::npos) {
      map.value().key_error(*entry, "a user name is not empty and has no colon");
    } else if (!hash.is_scalar() || !is_bcrypt(hash.text())) {
      hash.error("the password must be given as a bcrypt hash", "make one with: htpasswd -nBC 10 NAME");
    } else {
      web.users.emplace(entry->key, hash.text());
    }
  }
}

}  // namespace

bool asks_for_credentials(const WebConfig& config) {
  return !config.users.empty() || (config.tls && config.tls->client_auth == ClientAuth::kRequireAndVerify);
}

std::string_view weakened(const WebConfig& old, const WebConfig& anew) {
  if (!old.users.empty() && anew.users.empty()) return "nobody would be asked for a password";
  if (asks_for_credentials(old) && !asks_for_credentials(anew)) return "nobody would be asked for a certificate";
  if (old.tls && !anew.tls) return "TLS would end";
  return "";
}

Result<WebConfig> parse_web_config(const std::string& path, std::string text) {
  const config::Source source(path, std::move(text));
  config::Diagnostics diagnostics;
  WebConfig web;
  const auto root = config::parse_yaml(source, diagnostics);
  if (root && root->kind != config::NodeKind::kNull) {
    MapReader map(Value(*root, source, diagnostics, config::Dialect::kGoYaml, "the file"), "the web configuration");
    if (const auto tls = map.find("tls_server_config")) web.tls = read_tls(*tls, path);
    if (const auto http = map.find("http_server_config")) read_http(*http, web);
    if (const auto users = map.find("basic_auth_users")) read_users(*users, web);
    map.finish();
  }
  if (diagnostics.has_errors()) return diagnostics.to_error();
  return web;
}

Result<WebConfig> load_web_config(const std::string& path) {
  if (path.empty()) return WebConfig{};
  HEAL_TRY(auto text, config::read_text_file(path, kMaxFileBytes));
  return parse_web_config(path, std::move(text));
}

Result<WebConfig> check_web_config(const std::string& path) {
  HEAL_TRY(WebConfig config, load_web_config(path));
  if (config.tls) {
    HEAL_TRY_STATUS(TlsContext::create(*config.tls).with_context("{}", path));
  }
  return config;
}

}  // namespace heal::httpd
