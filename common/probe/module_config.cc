#include "common/probe/module_config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/text.h"
#include "common/probe/go_scalars.h"
#include "common/probe/http_request.h"
#include "common/probe/module_decode.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

using config::MapReader;
using config::Value;

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
  map.optional("allow_missing", allow_missing, as_go_bool);
  map.finish();
  if (!regexp || header.empty()) return std::nullopt;
  return HeaderAssertion{std::move(header), *std::move(regexp), allow_missing};
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
  map.optional("valid_status_codes", settings.valid_status_codes, config::as_list(as_go_int()));
  map.optional("valid_http_versions", settings.valid_http_versions, config::as_list(config::as_string));
  map.optional("fail_if_ssl", settings.fail_if_ssl, as_go_bool);
  map.optional("fail_if_not_ssl", settings.fail_if_not_ssl, as_go_bool);
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
  map.optional("http_headers", settings.http_headers, as_http_headers);
  map.optional("body", settings.body, config::as_string);
  map.optional("body_file", settings.body_file, config::as_string);
  if (!settings.body.empty() && !settings.body_file.empty()) {
    map.value().key_error(*map.entry("body_file"), "\"body\" and \"body_file\" cannot both be given");
  }
  map.optional("body_size_limit", settings.body_size_limit, as_base2_bytes);
  map.optional("compression", settings.compression, config::as_string);
  map.optional("follow_redirects", settings.follow_redirects, as_go_bool);
  bool no_follow = false;
  if (map.optional("no_follow_redirects", no_follow, as_go_bool)) settings.follow_redirects = !no_follow;
  read_http_assertions(map, settings);
  read_credentials(map, settings);
  map.optional("tls_config", settings.tls, as_tls_settings);
  read_proxy(map, settings.proxy);
  map.optional("skip_resolve_phase_with_proxy", settings.skip_resolve_phase_with_proxy, as_go_bool);
  map.optional("enable_http2", settings.enable_http2, as_go_bool);
  bool http3 = false;
  map.optional("enable_http3", http3, as_go_bool);
  if (http3) refuse_keys(map, {"enable_http3"}, "remove it: HTTP/1.1 and HTTP/2 can be probed (\"enable_http2\")");
  refuse_keys(map, {"fail_if_body_json_matches_cel", "fail_if_body_json_not_matches_cel"},
              "use \"fail_if_body_matches_regexp\" and \"fail_if_body_not_matches_regexp\"");
  map.finish();
  check_accept_encoding(map, settings);
  return settings;
}

std::optional<std::vector<std::pair<std::string, std::string>>> as_label_list(const Value& value) {
  std::vector<std::pair<std::string, std::string>> labels;
  if (!value.is_list()) {
    value.must_be("a list of labels, each with name and value");
    return std::nullopt;
  }
  for (const Value& item : value.items()) {
    MapReader map(item, "a label");
    auto& [name, text] = labels.emplace_back();
    map.required("name", name, config::as_string);
    map.optional("value", text, config::as_string);
    map.finish();
    const auto is_same = [&name = name](const auto& label) { return label.first == name; };
    if (map.has("name") && (!is_label_name(name) || name.starts_with("__"))) {
      item.error(fmt::format("\"{}\" cannot be the name of a label", printable(name)));
    } else if (std::count_if(labels.begin(), labels.end(), is_same) > 1) {
      item.error(fmt::format("the label \"{}\" is there already", printable(name)));
    }
  }
  return labels;
}

std::optional<QueryResponse> as_query_response(const Value& value) {
  QueryResponse step;
  MapReader map(value, "a query_response entry");
  map.optional("expect", step.expect, [](const Value& pattern) -> std::optional<std::optional<Regex>> {
    std::optional<Regex> compiled = config::as_regex(pattern);
    if (!compiled) return std::nullopt;
    return std::optional(std::move(compiled));
  });
  map.optional("expect_bytes", step.expect_bytes, config::as_string);
  if (step.expect && !step.expect_bytes.empty()) {
    map.value().key_error(*map.entry("expect_bytes"), "\"expect\" and \"expect_bytes\" cannot both be given");
  }
  map.optional("labels", step.labels, [](const Value& list) { return std::optional(as_label_list(list)); });
  if (step.labels && !step.expect) {
    map.value().key_warning(*map.entry("labels"), "\"labels\" without \"expect\" are never shown");
  }
  map.optional("send", step.send, config::as_string);
  map.optional("starttls", step.starttls, as_go_bool);
  map.finish();
  return step;
}

std::optional<TcpSettings> as_tcp_settings(const Value& value) {
  TcpSettings settings;
  MapReader map(value, "a tcp section");
  read_ip_choice(map, settings.ip);
  map.optional("source_ip_address", settings.source_ip_address, config::as_string);
  map.optional("query_response", settings.query_response, config::as_list(as_query_response));
  map.optional("tls", settings.tls, as_go_bool);
  map.optional("tls_config", settings.tls_config, as_tls_settings);
  map.finish();
  return settings;
}

/// TLS over a unix socket has no host whose name could be verified.
void check_unix_names(const Value& value, const UnixSettings& settings) {
  const bool has_tls = settings.tls || std::any_of(settings.query_response.begin(), settings.query_response.end(),
                                                   [](const QueryResponse& step) { return step.starttls; });
  if (!has_tls || !settings.tls_config.server_name.empty() || settings.tls_config.insecure_skip_verify) return;
  value.warning("TLS over a unix socket needs \"server_name\" or \"insecure_skip_verify\" in \"tls_config\"",
                "blackbox_exporter reads this too, and every probe fails");
}

std::optional<UnixSettings> as_unix_settings(const Value& value) {
  UnixSettings settings;
  MapReader map(value, "a unix section");
  map.optional("query_response", settings.query_response, config::as_list(as_query_response));
  map.optional("tls", settings.tls, as_go_bool);
  map.optional("tls_config", settings.tls_config, as_tls_settings);
  map.finish();
  check_unix_names(value, settings);
  return settings;
}

std::optional<std::string> as_prober(const Value& value) {
  if (value.is_scalar() && value.text() == "websocket") {
    value.error("prober \"websocket\" is not supported by heal-exporter",
                "probe the same address with http, or the answer to its handshake with tcp and query_response");
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> words;
  for (const char* prober : {"http", "tcp", "dns", "icmp", "grpc", "unix"})
    words.emplace_back(prober, prober);
  return config::as_enum<std::string>(std::move(words))(value);
}

Module read_module(const std::string& name, const Value& value) {
  Module module;
  module.name = name;
  MapReader map(value, "a module");
  map.required("prober", module.prober, as_prober);
  map.optional("timeout", module.timeout, as_go_timeout);
  read_confirm(map, module.timeout, module.confirm);
  map.optional("http", module.http, as_http_settings);
  map.optional("tcp", module.tcp, as_tcp_settings);
  map.optional("dns", module.dns, as_dns_settings);
  map.optional("icmp", module.icmp, as_icmp_settings);
  map.optional("grpc", module.grpc, as_grpc_settings);
  map.optional("unix", module.unix_socket, as_unix_settings);
  refuse_keys(map, {"websocket"});
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
