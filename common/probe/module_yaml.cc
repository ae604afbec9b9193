#include <algorithm>
#include <cctype>

#include "common/probe/module_config.h"
#include "common/probe/yaml_writer.h"

namespace heal::probe {
namespace {

std::string_view version_word(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return "TLS10";
    case TlsVersion::kTls11:
      return "TLS11";
    case TlsVersion::kTls12:
      return "TLS12";
    case TlsVersion::kTls13:
      return "TLS13";
  }
  return "TLS12";
}

/// Go's spelling of a duration is a number with fractions; this is one that it reads.
std::string go_duration(Duration duration) {
  return fmt::format("{}s", to_seconds(duration));
}

void write_ip(YamlWriter& out, const IpChoice& ip) {
  out.raw("preferred_ip_protocol", ip.preferred == AddressFamily::kV4 ? "ip4" : "ip6");
  out.flag("ip_protocol_fallback", ip.fallback);
}

/// A PEM text may hold a certificate and its key.
void write_certificates(YamlWriter& out, std::string_view key, const std::string& pem) {
  if (pem.find("PRIVATE KEY") == std::string::npos) return out.text(key, pem);
  out.raw(key, "<secret>");
}

void write_tls(YamlWriter& out, const TlsSettings& tls) {
  out.open("tls_config");
  out.text("ca_file", tls.ca_file);
  out.text("cert_file", tls.cert_file);
  out.text("key_file", tls.key_file);
  write_certificates(out, "ca", tls.ca);
  write_certificates(out, "cert", tls.cert);
  if (!tls.key.empty()) out.raw("key", "<secret>");
  out.text("server_name", tls.server_name);
  out.flag("insecure_skip_verify", tls.insecure_skip_verify);
  if (tls.min_version) out.raw("min_version", version_word(*tls.min_version));
  if (tls.max_version) out.raw("max_version", version_word(*tls.max_version));
  out.close();
}

void write_regexps(YamlWriter& out, std::string_view key, const std::vector<Regex>& regexps) {
  if (regexps.empty()) return;
  out.open(key);
  for (const Regex& regexp : regexps)
    out.element(regexp.pattern());
  out.close();
}

void write_assertions(YamlWriter& out, std::string_view key, const std::vector<HeaderAssertion>& assertions) {
  if (assertions.empty()) return;
  out.open(key);
  out.open_items();
  for (const HeaderAssertion& assertion : assertions) {
    out.item();
    out.scalar("header", assertion.header);
    out.scalar("regexp", assertion.regexp.pattern());
    out.flag("allow_missing", assertion.allow_missing);
  }
  out.close();
  out.close();
}

bool is_secret_header(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* word : {"auth", "cookie", "token", "secret", "key", "password"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

void write_headers(YamlWriter& out, std::string_view key,
                   const std::vector<std::pair<std::string, std::string>>& headers) {
  if (headers.empty()) return;
  out.open(key);
  for (const auto& [name, value] : headers) {
    if (is_secret_header(name)) {
      out.raw(yaml_scalar(name), "<secret>");
    } else {
      out.scalar(yaml_scalar(name), value);
    }
  }
  out.close();
}

void write_credentials(YamlWriter& out, const Credentials& credentials) {
  switch (credentials.kind) {
    case Credentials::Kind::kNone:
      return;
    case Credentials::Kind::kBasic:
      out.open("basic_auth");
      out.text("username", credentials.username);
      out.text("username_file", credentials.username_file);
      out.secret("password", credentials.secret);
      return out.close();
    case Credentials::Kind::kToken:
      out.open("authorization");
      out.scalar("type", credentials.type);
      out.secret("credentials", credentials.secret);
      return out.close();
  }
}

/// A URL without the password that it may hold.
std::string masked_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.rfind('@');
  if (scheme == std::string::npos || at == std::string::npos) return url;
  return url.substr(0, scheme + 3) + "<secret>" + url.substr(at);
}

void write_proxy(YamlWriter& out, const ProxySettings& proxy) {
  out.text("proxy_url", masked_url(proxy.url));
  out.text("no_proxy", proxy.no_proxy);
  if (proxy.from_environment) out.flag("proxy_from_environment", true);
  if (proxy.connect_headers.empty()) return;
  out.open("proxy_connect_header");
  std::string last;
  for (const auto& [name, value] : proxy.connect_headers) {
    if (name != last) out.raw(yaml_scalar(name), "[<secret>]");
    last = name;
  }
  out.close();
}

void write_list(YamlWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.open(key);
  for (const std::string& text : texts)
    out.element(text);
  out.close();
}

void write_injected(YamlWriter& out, const std::vector<InjectedHeader>& headers) {
  if (headers.empty()) return;
  out.open("http_headers");
  for (const InjectedHeader& header : headers) {
    const bool is_empty = header.values.empty() && header.secrets.empty() && header.files.empty();
    if (is_empty) out.raw(yaml_scalar(header.name), "{}");
    if (is_empty) continue;
    out.open(yaml_scalar(header.name));
    const bool is_secret = is_secret_header(header.name);
    write_list(out, "values", is_secret ? std::vector<std::string>(header.values.size(), "<secret>") : header.values);
    write_list(out, "secrets", std::vector<std::string>(header.secrets.size(), "<secret>"));
    write_list(out, "files", header.files);
    out.close();
  }
  out.close();
}

void write_oauth2(YamlWriter& out, const OAuth2Settings& oauth2) {
  out.open("oauth2");
  out.scalar("client_id", oauth2.client_id);
  out.secret("client_secret", oauth2.client_secret);
  if (!oauth2.scopes.empty()) out.open("scopes");
  for (const std::string& scope : oauth2.scopes)
    out.element(scope);
  if (!oauth2.scopes.empty()) out.close();
  out.scalar("token_url", masked_url(oauth2.token_url));
  if (!oauth2.endpoint_params.empty()) out.open("endpoint_params");
  for (const auto& [name, value] : oauth2.endpoint_params) {
    if (is_secret_header(name)) {
      out.raw(yaml_scalar(name), "<secret>");
    } else {
      out.scalar(yaml_scalar(name), value);
    }
  }
  if (!oauth2.endpoint_params.empty()) out.close();
  write_proxy(out, oauth2.proxy);
  write_tls(out, oauth2.tls);
  out.close();
}

void write_http(YamlWriter& out, const HttpSettings& http) {
  out.open("http");
  write_ip(out, http.ip);
  out.scalar("method", http.method);
  if (!http.valid_status_codes.empty()) {
    out.raw("valid_status_codes", fmt::format("[{}]", fmt::join(http.valid_status_codes, ", ")));
  }
  if (!http.valid_http_versions.empty()) {
    out.open("valid_http_versions");
    for (const std::string& version : http.valid_http_versions)
      out.element(version);
    out.close();
  }
  write_headers(out, "headers", http.headers);
  write_injected(out, http.http_headers);
  out.text("body", http.body);
  out.text("body_file", http.body_file);
  if (http.body_size_limit > 0) out.raw("body_size_limit", fmt::format("{}B", http.body_size_limit));
  out.text("compression", http.compression);
  out.flag("follow_redirects", http.follow_redirects);
  out.flag("fail_if_ssl", http.fail_if_ssl);
  out.flag("fail_if_not_ssl", http.fail_if_not_ssl);
  write_regexps(out, "fail_if_body_matches_regexp", http.fail_if_body_matches);
  write_regexps(out, "fail_if_body_not_matches_regexp", http.fail_if_body_not_matches);
  write_assertions(out, "fail_if_header_matches", http.fail_if_header_matches);
  write_assertions(out, "fail_if_header_not_matches", http.fail_if_header_not_matches);
  write_credentials(out, http.credentials);
  if (http.oauth2) write_oauth2(out, *http.oauth2);
  write_tls(out, http.tls);
  write_proxy(out, http.proxy);
  if (http.skip_resolve_phase_with_proxy) out.flag("skip_resolve_phase_with_proxy", true);
  out.flag("enable_http2", http.enable_http2);
  out.close();
}

void write_dialogue(YamlWriter& out, const std::vector<QueryResponse>& steps) {
  if (steps.empty()) return;
  out.open("query_response");
  out.open_items();
  for (const QueryResponse& step : steps) {
    out.item();
    out.flag("starttls", step.starttls);
    if (step.expect) out.scalar("expect", step.expect->pattern());
    out.text("expect_bytes", step.expect_bytes);
    if (step.labels && step.labels->empty()) out.raw("labels", "[]");
    if (step.labels && !step.labels->empty()) {
      out.open("labels");
      out.open_items();
      for (const auto& [name, value] : *step.labels) {
        out.item();
        out.scalar("name", name);
        out.scalar("value", value);
      }
      out.close();
      out.close();
    }
    out.text("send", step.send);
  }
  out.close();
  out.close();
}

void write_tcp(YamlWriter& out, const TcpSettings& tcp) {
  out.open("tcp");
  write_ip(out, tcp.ip);
  out.text("source_ip_address", tcp.source_ip_address);
  write_dialogue(out, tcp.query_response);
  out.flag("tls", tcp.tls);
  write_tls(out, tcp.tls_config);
  out.close();
}

void write_unix(YamlWriter& out, const UnixSettings& settings) {
  out.open("unix");
  write_dialogue(out, settings.query_response);
  out.flag("tls", settings.tls);
  write_tls(out, settings.tls_config);
  out.close();
}

void write_late_regexps(YamlWriter& out, std::string_view key, const std::vector<LateRegex>& regexps) {
  if (regexps.empty()) return;
  out.open(key);
  for (const LateRegex& regexp : regexps)
    out.element(regexp.text);
  out.close();
}

void write_validation(YamlWriter& out, std::string_view key, const DnsValidation& validation) {
  if (validation == DnsValidation{}) return;
  out.open(key);
  write_late_regexps(out, "fail_if_matches_regexp", validation.fail_if_matches);
  write_late_regexps(out, "fail_if_all_match_regexp", validation.fail_if_all_match);
  write_late_regexps(out, "fail_if_not_matches_regexp", validation.fail_if_not_matches);
  write_late_regexps(out, "fail_if_none_matches_regexp", validation.fail_if_none_matches);
  out.close();
}

void write_dns(YamlWriter& out, const DnsSettings& dns) {
  // A section that was not written has no name to ask for, and could not be read back.
  if (dns.query_name.empty()) return;
  out.open("dns");
  write_ip(out, dns.ip);
  out.text("source_ip_address", dns.source_ip_address);
  out.scalar("query_name", dns.query_name);
  out.text("query_type", dns.query_type);
  out.text("query_class", dns.query_class);
  out.flag("recursion_desired", dns.recursion_desired);
  out.text("transport_protocol", dns.transport_protocol);
  out.flag("dns_over_tls", dns.dns_over_tls);
  write_tls(out, dns.tls_config);
  if (dns.valid_rcodes && dns.valid_rcodes->empty()) out.raw("valid_rcodes", "[]");
  if (dns.valid_rcodes && !dns.valid_rcodes->empty()) {
    out.open("valid_rcodes");
    for (const std::string& word : *dns.valid_rcodes)
      out.element(word);
    out.close();
  }
  write_validation(out, "validate_answer_rrs", dns.answer);
  write_validation(out, "validate_authority_rrs", dns.authority);
  write_validation(out, "validate_additional_rrs", dns.additional);
  out.close();
}

void write_icmp(YamlWriter& out, const IcmpSettings& icmp) {
  out.open("icmp");
  write_ip(out, icmp.ip);
  out.text("source_ip_address", icmp.source_ip_address);
  if (icmp.payload_size > 0) out.raw("payload_size", fmt::format("{}", icmp.payload_size));
  out.flag("dont_fragment", icmp.dont_fragment);
  out.raw("ttl", fmt::format("{}", icmp.ttl));
  if (icmp.packets > 1) {
    out.raw("packets", fmt::format("{}", icmp.packets));
    out.raw("packet_interval", go_duration(icmp.packet_interval));
    out.raw("packet_timeout", go_duration(icmp.packet_timeout));
  }
  out.close();
}

void write_confirm(YamlWriter& out, const ConfirmSettings& confirm) {
  out.open("confirm");
  out.raw("attempts", fmt::format("{}", confirm.attempts));
  out.raw("interval", go_duration(confirm.interval));
  if (confirm.within > Duration::zero()) out.raw("within", go_duration(confirm.within));
  out.close();
}

void write_grpc(YamlWriter& out, const GrpcSettings& grpc) {
  out.open("grpc");
  write_ip(out, grpc.ip);
  out.text("service", grpc.service);
  out.flag("tls", grpc.tls);
  write_tls(out, grpc.tls_config);
  if (!grpc.metadata.empty()) out.open("metadata");
  for (std::size_t i = 0; i < grpc.metadata.size(); ++i) {
    const auto& [name, value] = grpc.metadata[i];
    if (i > 0 && grpc.metadata[i - 1].first != name) out.close();
    if (i == 0 || grpc.metadata[i - 1].first != name) out.open(yaml_scalar(name));
    out.element(is_secret_header(name) ? "<secret>" : value);
  }
  if (!grpc.metadata.empty()) out.close(), out.close();
  out.close();
}

}  // namespace

std::string module_yaml(const Module& module, int indent) {
  YamlWriter out(indent);
  out.scalar("prober", module.prober);
  if (module.timeout > Duration::zero()) out.raw("timeout", go_duration(module.timeout));
  if (module.confirm) write_confirm(out, *module.confirm);
  if (module.prober == "http") write_http(out, module.http);
  if (module.prober == "tcp") write_tcp(out, module.tcp);
  if (module.prober == "dns") write_dns(out, module.dns);
  if (module.prober == "icmp") write_icmp(out, module.icmp);
  if (module.prober == "grpc") write_grpc(out, module.grpc);
  if (module.prober == "unix") write_unix(out, module.unix_socket);
  return out.take();
}

std::string modules_yaml(const Modules& modules) {
  std::string out = "modules:\n";
  for (const auto& [name, module] : modules) {
    out += fmt::format("  {}:\n", yaml_scalar(name));
    out += module_yaml(*module, 4);
  }
  return out;
}

}  // namespace heal::probe
