#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/model/regex.h"
#include "common/port/probe_io.h"

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

  bool operator==(const Credentials&) const = default;
};

enum class Compression { kNone, kGzip, kDeflate, kBrotli, kIdentity, kUnknown };

/// The `http:` section of a module: blackbox.yml's keys and defaults.
struct HttpSettings {
  IpChoice ip;
  std::string method = "GET";
  std::vector<int> valid_status_codes;  ///< empty: 200 to 299
  std::vector<std::string> valid_http_versions;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::uint64_t body_size_limit = 0;  ///< bytes after decompression; 0: none
  std::string compression;            ///< as written; see compression_of()
  bool follow_redirects = true;
  bool fail_if_ssl = false, fail_if_not_ssl = false;
  std::vector<Regex> fail_if_body_matches, fail_if_body_not_matches;
  std::vector<HeaderAssertion> fail_if_header_matches, fail_if_header_not_matches;
  Credentials credentials;
  TlsSettings tls;
  std::string proxy_url;
  std::vector<std::pair<std::string, std::string>> proxy_headers;
  bool skip_resolve_phase_with_proxy = false;
  bool enable_http2 = true;

  bool operator==(const HttpSettings&) const = default;
};

/// One step of a tcp dialogue: expect, then send, then starttls.
struct QueryResponse {
  std::optional<Regex> expect;
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

/// A named way of probing. Immutable once read.
struct Module {
  std::string name;
  std::string prober;  ///< "http" or "tcp"
  Duration timeout{};  ///< zero: none of its own
  HttpSettings http;
  TcpSettings tcp;

  bool operator==(const Module&) const = default;
};

/// What `compression:` means, in any case of letters.
Compression compression_of(std::string_view word);

}  // namespace heal::probe
