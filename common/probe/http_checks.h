#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/probe/http_request.h"
#include "common/probe/module.h"

namespace heal::probe {

// The assertions of an http module over an answer, without I/O. nullopt: holds.

std::optional<ProbeFailure> check_status(const HttpSettings& settings, int status);
std::optional<ProbeFailure> check_headers(const HttpSettings& settings, const HeaderList& headers);
std::optional<ProbeFailure> check_body(const HttpSettings& settings, std::string_view body);
std::optional<ProbeFailure> check_version(const HttpSettings& settings, const std::string& protocol);
std::optional<ProbeFailure> check_ssl(const HttpSettings& settings, bool over_tls);

inline bool has_header_checks(const HttpSettings& settings) {
  return !settings.fail_if_header_matches.empty() || !settings.fail_if_header_not_matches.empty();
}
inline bool has_body_checks(const HttpSettings& settings) {
  return !settings.fail_if_body_matches.empty() || !settings.fail_if_body_not_matches.empty();
}

/// An HTTP date in one of its three forms (RFC 9110, 5.6.7) as Unix seconds.
std::optional<std::int64_t> parse_http_date(std::string_view text);
/// What Go's http.Response says of the length of a body: -1 for unknown.
std::int64_t content_length_of(const std::string& method, int status, const HeaderList& headers);
/// "HTTP/1.1" → 1.1; 0 for anything else.
double version_number(std::string_view protocol);

}  // namespace heal::probe
