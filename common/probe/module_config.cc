#include "common/probe/module_config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/text.h"
#include "common/probe/http_request.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

using config::MapReader;
using config::Value;

/// Keys that blackbox_exporter has, in this or a later version, and that cannot be honoured here yet.
void refuse(MapReader& map, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (!map.has(key)) continue;
    map.value().key_error(*map.entry(key), fmt::format("\"{}\" is not supported by heal-exporter", key),
                          "remove it; it is not ignored, because a probe without it would say something else");
  }
}

std::optional<AddressFamily> as_family(const Value& value) {
  return config::as_enum<AddressFamily>({{"ip4", AddressFamily::kV4}, {"ip6", AddressFamily::kV6}})(value);
}

void read_ip_choice(MapReader& map, IpChoice& ip) {
  map.optional("preferred_ip_protocol", ip.preferred, as_family);
  map.optional("ip_protocol_fallback", ip.fallback, config::as_bool);
}

std::optional<std::optional<TlsVersion>> as_tls_version(const Value& value) {
  const std::optional<TlsVersion> version = config::as_enum<TlsVersion>({{"TLS10", TlsVersion::kTls10},
                                                                         {"TLS11", TlsVersion::kTls11},
                                                                         {"TLS12", TlsVersion::kTls12},
                                                                         {"TLS13", TlsVersion::kTls13}})(value);
  if (!version) return std::nullopt;
  return std::optional(version);
}

std::optional<TlsSettings> as_tls_settings(const Value& value) {
  TlsSettings settings;
  MapReader map(value, "a tls_config");
  map.optional("ca_file", settings.ca_file, config::as_string);
  map.optional("cert_file", settings.cert_file, config::as_string);
  map.optional("key_file", settings.key_file, config::as_string);
  map.optional("server_name", settings.server_name, config::as_string);
  map.optional("insecure_skip_verify", settings.insecure_skip_verify, config::as_bool);
  map.optional("min_version", settings.min_version, as_tls_version);
  map.optional("max_version", settings.max_version, as_tls_version);
  refuse(map, {"ca", "cert", "key", "ca_ref", "cert_ref", "key_ref"});
  map.finish();
  return settings;
}

std::optional<HeaderAssertion> as_header_assertion(const Value& value) {
  MapReader map(value, "a header assertion");
  std::string header;
  std::optional<Regex> regexp;
  bool allow_missing = false;
  map.required("header", header, config::as_nonempty_string);
  map.required("regexp", regexp, [](const Value& pattern) -> std::optional<std::optional<Regex>> {
    if (pattern.is_scalar() && pattern.text().empty()) {
      pattern.must_be("a regular expression that is not empty");
      return std::nullopt;
    }
    std::optional<Regex> compiled = config::as_regex(pattern);
    if (!compiled) return std::nullopt;
    return std::optional(std::move(compiled));
  });
  map.optional("allow_missing", allow_missing, config::as_bool);
  map.finish();
  if (!regexp || header.empty()) return std::nullopt;
  return HeaderAssertion{std::move(header), *std::move(regexp), allow_missing};
}

std::optional<int> as_int(const Value& value) {
  const std::optional<std::int64_t> number =
      config::as_integer(std::numeric_limits<int>::min(), std::numeric_limits<int>::max())(value);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

/// A header's value must be one line: anything else would add headers.
std::optional<std::vector<std::pair<std::string, std::string>>> as_headers(const Value& value) {
  const auto map = config::as_string_map(value);
  if (!map) return std::nullopt;
  for (const auto& [name, text] : *map) {
    if (name.empty() || (name + text).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      value.error(fmt::format("header \"{}\" must have a name and be one line", printable(name)));
      return std::nullopt;
    }
  }
  return std::vector<std::pair<std::string, std::string>>(map->begin(), map->end());
}

std::optional<std::string> as_proxy_url(const Value& value) {
  std::optional<std::string> url = config::as_string(value);
  if (!url || url->empty()) return url;
  const bool known = url->starts_with("http://") || url->starts_with("https://") || url->starts_with("socks5://");
  if (known && url->find_first_of(" \t\r\n") == std::string::npos) return url;
  value.error(fmt::format("{} must begin with http://, https:// or socks5://", value.name()));
  return std::nullopt;
}

// ---- authentication

void read_basic_auth(const Value& value, Credentials& credentials) {
  MapReader map(value, "a basic_auth");
  credentials.kind = Credentials::Kind::kBasic;
  map.optional("username", credentials.username, config::as_string);
  config::read_secret(map, "password", credentials.secret);
  refuse(map, {"username_file", "username_ref", "password_ref"});
  map.finish();
}

void read_authorization(const Value& value, Credentials& credentials) {
  MapReader map(value, "an authorization");
  credentials.kind = Credentials::Kind::kToken;
  map.optional("type", credentials.type, config::as_string);
  config::read_secret(map, "credentials", credentials.secret);
  refuse(map, {"credentials_ref"});
  map.finish();
  credentials.type = std::string(trim(credentials.type));
  if (credentials.type.empty()) credentials.type = "Bearer";
  if (to_lower(credentials.type) == "basic") value.error("authorization cannot be of type \"basic\"", "use basic_auth");
}

void read_credentials(MapReader& map, Credentials& credentials) {
  const std::optional<Value> basic = map.find("basic_auth");
  const std::optional<Value> authorization = map.find("authorization");
  if (basic) read_basic_auth(*basic, credentials);
  if (authorization) read_authorization(*authorization, credentials);
  config::Secret token;
  config::read_secret(map, "bearer_token", token);
  if (token.is_set()) credentials = {Credentials::Kind::kToken, "", "Bearer", token};
  const int ways = (basic ? 1 : 0) + (authorization ? 1 : 0) + (token.is_set() ? 1 : 0);
  if (ways > 1) {
    map.value().error("at most one of basic_auth, authorization, bearer_token and bearer_token_file can be given");
  }
}

// ---- compression

/// A quality as blackbox_exporter reads it: rounded to three digits, 0 for what is none.
double quality_of(std::string_view text) {
  text = trim(text);
  if (text.starts_with("q=")) text.remove_prefix(2);
  double quality = 0;
  const std::string copy(text);
  char* end = nullptr;
  quality = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0') return 0;
  return std::round(quality * 1000) / 1000;
}

/// Whether an Accept-Encoding header lets a server answer with `compression`.
bool accepts(const std::string& compression, const std::string& accept_encoding) {
  if (compression.empty() || accept_encoding.empty()) return true;
  std::vector<std::pair<double, std::string>> encodings;
  for (const std::string_view part : split(accept_encoding, ',')) {
    const std::size_t semicolon = part.rfind(';');
    const double quality = semicolon == std::string_view::npos ? 1.0 : quality_of(part.substr(semicolon + 1));
    encodings.emplace_back(quality, trim(part.substr(0, semicolon)));
  }
  std::stable_sort(encodings.begin(), encodings.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [quality, name] : encodings) {
    if (name == compression || name == "*") return quality > 0;
  }
  return false;
}

void check_accept_encoding(const MapReader& map, const HttpSettings& settings) {
  for (const auto& [name, text] : settings.headers) {
    if (canonical_header_name(name) != "Accept-Encoding" || accepts(settings.compression, text)) continue;
    map.value().error(
        fmt::format("header \"{}: {}\" does not accept \"compression: {}\"", name, text, settings.compression));
  }
}

// ---- sections

void read_http_assertions(MapReader& map, HttpSettings& settings) {
  map.optional("valid_status_codes", settings.valid_status_codes, config::as_list(as_int));
  map.optional("valid_http_versions", settings.valid_http_versions, config::as_list(config::as_string));
  map.optional("fail_if_ssl", settings.fail_if_ssl, config::as_bool);
  map.optional("fail_if_not_ssl", settings.fail_if_not_ssl, config::as_bool);
  map.optional("fail_if_body_matches_regexp", settings.fail_if_body_matches, config::as_list(config::as_regex));
  map.optional("fail_if_body_not_matches_regexp", settings.fail_if_body_not_matches, config::as_list(config::as_regex));
  map.optional("fail_if_header_matches", settings.fail_if_header_matches, config::as_list(as_header_assertion));
  map.optional("fail_if_header_not_matches", settings.fail_if_header_not_matches, config::as_list(as_header_assertion));
}

std::optional<HttpSettings> as_http_settings(const Value& value) {
  HttpSettings settings;
  MapReader map(value, "an http section");
  read_ip_choice(map, settings.ip);
  map.optional("method", settings.method, config::as_string);
  if (settings.method.empty()) settings.method = "GET";
  if (settings.method.find_first_of(" \t\r\n") != std::string::npos) map.value().error("\"method\" must be one word");
  map.optional("headers", settings.headers, as_headers);
  map.optional("body", settings.body, config::as_string);
  map.optional("body_size_limit", settings.body_size_limit, config::as_byte_size);
  map.optional("compression", settings.compression, config::as_string);
  map.optional("follow_redirects", settings.follow_redirects, config::as_bool);
  bool no_follow = false;
  if (map.optional("no_follow_redirects", no_follow, config::as_bool)) settings.follow_redirects = !no_follow;
  read_http_assertions(map, settings);
  read_credentials(map, settings.credentials);
  map.optional("tls_config", settings.tls, as_tls_settings);
  map.optional("proxy_url", settings.proxy_url, as_proxy_url);
  map.optional("proxy_connect_header", settings.proxy_headers, as_headers);
  map.optional("skip_resolve_phase_with_proxy", settings.skip_resolve_phase_with_proxy, config::as_bool);
  map.optional("enable_http2", settings.enable_http2, config::as_bool);
  refuse(map, {"oauth2", "body_file", "http_headers", "enable_http3", "no_proxy", "proxy_from_environment",
               "fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel"});
  map.finish();
  check_accept_encoding(map, settings);
  return settings;
}

std::optional<QueryResponse> as_query_response(const Value& value) {
  QueryResponse step;
  MapReader map(value, "a query_response entry");
  map.optional("expect", step.expect, [](const Value& pattern) -> std::optional<std::optional<Regex>> {
    std::optional<Regex> compiled = config::as_regex(pattern);
    if (!compiled) return std::nullopt;
    return std::optional(std::move(compiled));
  });
  map.optional("send", step.send, config::as_string);
  map.optional("starttls", step.starttls, config::as_bool);
  refuse(map, {"expect_bytes", "labels"});
  map.finish();
  return step;
}

std::optional<TcpSettings> as_tcp_settings(const Value& value) {
  TcpSettings settings;
  MapReader map(value, "a tcp section");
  read_ip_choice(map, settings.ip);
  map.optional("source_ip_address", settings.source_ip_address, config::as_string);
  map.optional("query_response", settings.query_response, config::as_list(as_query_response));
  map.optional("tls", settings.tls, config::as_bool);
  map.optional("tls_config", settings.tls_config, as_tls_settings);
  map.finish();
  return settings;
}

std::optional<std::string> as_prober(const Value& value) {
  for (const char* later : {"icmp", "dns", "grpc", "unix", "websocket"}) {
    if (value.is_scalar() && value.text() == later) {
      value.error(fmt::format("prober \"{}\" is not supported by heal-exporter", later), "it has http and tcp");
      return std::nullopt;
    }
  }
  return config::as_enum<std::string>({{"http", "http"}, {"tcp", "tcp"}})(value);
}

Module read_module(const std::string& name, const Value& value) {
  Module module;
  module.name = name;
  MapReader map(value, "a module");
  map.required("prober", module.prober, as_prober);
  map.optional("timeout", module.timeout, config::as_go_duration);
  map.optional("http", module.http, as_http_settings);
  map.optional("tcp", module.tcp, as_tcp_settings);
  refuse(map, {"icmp", "dns", "grpc", "unix", "websocket"});
  map.finish();
  return module;
}

}  // namespace

Compression compression_of(std::string_view word) {
  const std::string lower = to_lower(word);
  if (lower.empty()) return Compression::kNone;
  if (lower == "gzip") return Compression::kGzip;
  if (lower == "deflate") return Compression::kDeflate;
  if (lower == "br") return Compression::kBrotli;
  if (lower == "identity") return Compression::kIdentity;
  return Compression::kUnknown;
}

std::optional<Modules> as_modules(const Value& value) {
  Modules modules;
  if (value.is_null()) return modules;
  MapReader map(value, "modules");
  for (const auto& [entry, child] : map.rest()) {
    modules[entry->key] = std::make_shared<const Module>(read_module(entry->key, child));
  }
  return modules;
}

}  // namespace heal::probe
