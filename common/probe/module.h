#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/model/regex.h"
#include "common/port/probe_io.h"
#include "common/probe/proxy.h"

namespace heal::probe {

/// Which address of a name is probed: the preferred family if there is one, else (with fallback) the other.
struct IpChoice {
  AddressFamily preferred = AddressFamily::kV6;
  bool fallback = true;

  bool operator==(const IpChoice&) const = default;
};

/// A test of one response header; any of several values suffices.
struct HeaderAssertion {
  std::string header;
  Regex regexp;
  bool allow_missing = false;

  bool operator==(const HeaderAssertion&) const = default;
};

/// How a request authenticates. Secrets are never printed.
struct Credentials {
  enum class Kind { kNone, kBasic, kToken };
  Kind kind = Kind::kNone;
  std::string username;         ///< basic
  std::string type = "Bearer";  ///< of a token: the word before it
  config::Secret secret;        ///< password or token
  std::string username_file{};  ///< basic: where the name is read from for every probe, instead of `username`

  bool operator==(const Credentials&) const = default;
};

/// Through which proxy requests go, as it is written, and what that means.
struct ProxySettings {
  std::string url;  ///< "" for none; http, https, socks5
  std::string no_proxy;
  bool from_environment = false;                                     ///< instead of both
  std::vector<std::pair<std::string, std::string>> connect_headers;  ///< secrets, for the proxy alone
  ProxyRules rules;  ///< of the above; the environment's when it was read

  bool is_set() const { return !url.empty() || from_environment; }
  bool operator==(const ProxySettings&) const = default;
};

class OAuth2Tokens;

/// Where the token of a request comes from: client credentials of OAuth 2.0. Source: RFC 6749, 4.4.
struct OAuth2Settings {
  std::string client_id;
  config::Secret client_secret;
  std::vector<std::string> scopes;
  std::string token_url;
  std::vector<std::pair<std::string, std::string>> endpoint_params;
  TlsSettings tls;
  ProxySettings proxy;
  std::shared_ptr<OAuth2Tokens> tokens;  ///< what was obtained, for all probes of the module; no part of its value

  bool operator==(const OAuth2Settings& other) const {
    return client_id == other.client_id && client_secret == other.client_secret && scopes == other.scopes &&
           token_url == other.token_url && endpoint_params == other.endpoint_params && tls == other.tls &&
           proxy == other.proxy;
  }
};

/// A header of `http_headers`: every value is sent, in this order, in a line of its own.
struct InjectedHeader {
  std::string name;
  std::vector<std::string> values;
  std::vector<std::string> secrets;  ///< never printed
  std::vector<std::string> files;    ///< what they hold, read for every probe, is secret too

  bool operator==(const InjectedHeader&) const = default;
};

enum class Compression { kNone, kGzip, kDeflate, kBrotli, kIdentity, kUnknown };

/// The `http:` section of a module: blackbox.yml's keys and defaults.
struct HttpSettings {
  IpChoice ip;
  std::string method = "GET";
  std::vector<int> valid_status_codes;  ///< empty: 200 to 299
  std::vector<std::string> valid_http_versions;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<InjectedHeader> http_headers;
  std::string body;
  std::string body_file;              ///< read for every probe, instead of `body`
  std::uint64_t body_size_limit = 0;  ///< bytes after decompression; 0: none
  std::string compression;            ///< as written; see compression_of()
  bool follow_redirects = true;
  bool fail_if_ssl = false, fail_if_not_ssl = false;
  std::vector<Regex> fail_if_body_matches, fail_if_body_not_matches;
  std::vector<HeaderAssertion> fail_if_header_matches, fail_if_header_not_matches;
  Credentials credentials;
  std::optional<OAuth2Settings> oauth2;
  TlsSettings tls;
  ProxySettings proxy;
  bool skip_resolve_phase_with_proxy = false;
  bool enable_http2 = true;

  bool operator==(const HttpSettings&) const = default;
};

/// One step of a dialogue: expect, then send, then starttls.
struct QueryResponse {
  std::optional<Regex> expect;
  std::string expect_bytes;  ///< exactly these come next; instead of `expect`
  /// Labels of probe_expect_info, with what `expect` has matched in their values as in `send`.
  std::optional<std::vector<std::pair<std::string, std::string>>> labels;
  std::string send;  ///< sent with a line feed; $1, ${name} from the match of the same step
  bool starttls = false;

  bool operator==(const QueryResponse&) const = default;
};

/// The `tcp:` section of a module.
struct TcpSettings {
  IpChoice ip;
  std::string source_ip_address;
  std::vector<QueryResponse> query_response;
  bool tls = false;
  TlsSettings tls_config;

  bool operator==(const TcpSettings&) const = default;
};

/// The `unix:` section of a module.
struct UnixSettings {
  std::vector<QueryResponse> query_response;
  bool tls = false;
  TlsSettings tls_config;

  bool operator==(const UnixSettings&) const = default;
};

/// A regular expression that is compiled if it can be: blackbox_exporter reads any and fails the probe that needs it.
struct LateRegex {
  std::string text;
  std::optional<Regex> compiled;

  bool operator==(const LateRegex& other) const { return text == other.text; }
};

/// Tests of the records of one section of a DNS answer, held against their zone-file text.
struct DnsValidation {
  std::vector<LateRegex> fail_if_matches;       ///< some record matches some of them
  std::vector<LateRegex> fail_if_all_match;     ///< every record matches every one of them
  std::vector<LateRegex> fail_if_not_matches;   ///< some record misses some of them, or there is no record
  std::vector<LateRegex> fail_if_none_matches;  ///< no record matches any of them

  bool operator==(const DnsValidation&) const = default;
};

/// The `dns:` section of a module. Words are kept as written; "" is the default.
struct DnsSettings {
  IpChoice ip;
  std::string source_ip_address;
  std::string query_name, query_type, query_class;  ///< ANY and IN by default
  bool recursion_desired = true;
  std::string transport_protocol;  ///< udp by default
  bool dns_over_tls = false;
  TlsSettings tls_config;
  std::optional<std::vector<std::string>> valid_rcodes;  ///< NOERROR by default
  DnsValidation answer, authority, additional;

  bool operator==(const DnsSettings&) const = default;
};

/// The `icmp:` section of a module. The last three keys are our own.
struct IcmpSettings {
  IpChoice ip;
  std::string source_ip_address;
  int payload_size = 0;  ///< bytes; 0: the greeting of 28 bytes
  bool dont_fragment = false;
  int ttl = 64;     ///< 0: the system's
  int packets = 1;  ///< echo requests of one probe; success is the first one's
  Duration packet_interval = std::chrono::milliseconds(50);
  Duration packet_timeout = std::chrono::seconds(1);  ///< after which one behind the first counts as lost

  bool operator==(const IcmpSettings&) const = default;
};

/// The `grpc:` section of a module.
struct GrpcSettings {
  /// Without a section, as in blackbox_exporter, there is no fallback to the other family.
  IpChoice ip{AddressFamily::kV6, false};
  std::string service;
  bool tls = false;
  TlsSettings tls_config;
  std::vector<std::pair<std::string, std::string>> metadata;

  bool operator==(const GrpcSettings&) const = default;
};

/// The `confirm:` key of a module, our own: a failed probe is asked again. What the probe says is the first attempt's.
struct ConfirmSettings {
  int attempts = 2;                                    ///< re-probes at most; the first success ends them
  Duration interval = std::chrono::milliseconds(200);  ///< from the end of one attempt to the next
  Duration within{};  ///< from the probe's begin to the end of the last re-probe; zero: the probe's own time-out

  bool operator==(const ConfirmSettings&) const = default;
};

/// A named way of probing. Immutable once read.
struct Module {
  std::string name;
  std::string prober;  ///< "http", "tcp", "dns", "icmp", "grpc" or "unix"
  Duration timeout{};  ///< zero: none of its own
  std::optional<ConfirmSettings> confirm;
  HttpSettings http;
  TcpSettings tcp;
  DnsSettings dns;
  IcmpSettings icmp;
  GrpcSettings grpc;
  UnixSettings unix_socket;

  bool operator==(const Module&) const = default;
};

/// What `compression:` means, in any case of letters.
Compression compression_of(std::string_view word);

}  // namespace heal::probe
