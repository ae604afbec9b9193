#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal::probe {

/// An http or https URL in its parts. Value type.
struct Url {
  std::string scheme;    ///< "http" or "https"
  std::string userinfo;  ///< as written, "" for none
  std::string host;      ///< without brackets
  std::optional<std::uint16_t> port;
  std::string path_and_query;  ///< begins with '/'

  /// kInvalid with the reason; kRefused for a URL of another scheme, or without a host. Control characters are refused,
  /// a path that holds what it may not is escaped as Go does it, spaces of a query are escaped, a fragment is dropped.
  static Result<Url> parse(std::string_view text);
  /// The URL that `reference` (a Location header) names, seen from this one. Source: RFC 3986, 5.2.
  Result<Url> resolve(std::string_view reference) const;

  std::uint16_t effective_port() const { return port.value_or(scheme == "https" ? 443 : 80); }
  /// `host` or `host:port` as written, brackets around IPv6.
  std::string authority() const;
  /// Without user information.
  std::string str() const { return scheme + "://" + authority() + path_and_query; }

  bool operator==(const Url&) const = default;
};

/// `host:port` apart, as Go's net.SplitHostPort does it: brackets needed around a host with colons.
struct HostPort {
  std::string host, port;

  bool operator==(const HostPort&) const = default;
};
Result<HostPort> split_host_port(std::string_view text);
/// A decimal port from 0 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// kInvalid with the reason for what cannot be the `hostname` of a probe: the name of a host, or its address, which for
/// http may end in a port. Less strict than DNS: what could be taken for something else is refused.
Status check_hostname(std::string_view hostname);

/// Percent-escapes decoded; nullopt for a broken escape.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace heal::probe
