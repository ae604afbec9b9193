#include "common/probe/http_checks.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "common/base/text.h"

namespace heal::probe {
namespace {

ProbeFailure missing_header(const HeaderAssertion& assertion) {
  return {ProbePhase::kHeader, ProbeReason::kRegexp, fmt::format("missing required header {}", assertion.header)};
}

bool any_matches(const std::vector<std::string_view>& values, const Regex& regexp) {
  return std::any_of(values.begin(), values.end(), [&](std::string_view value) { return regexp.search(value); });
}

/// `08:49:37.5` as `08:49:37`.
std::string without_fraction(std::string date) {
  const auto is_digit = [&](std::size_t at) {
    return at < date.size() && std::isdigit(static_cast<unsigned char>(date[at])) != 0;
  };
  const std::size_t colon = date.rfind(':');
  if (colon == std::string::npos || !is_digit(colon + 2) || !is_digit(colon + 4)) return date;
  const std::size_t point = colon + 3;
  if (date[point] != '.' && date[point] != ',') return date;
  std::size_t end = point + 1;
  while (is_digit(end))
    ++end;
  return date.erase(point, end - point);
}

}  // namespace

std::optional<ProbeFailure> check_status(const HttpSettings& settings, int status) {
  const std::vector<int>& valid = settings.valid_status_codes;
  const bool good =
      valid.empty() ? status >= 200 && status < 300 : std::find(valid.begin(), valid.end(), status) != valid.end();
  if (good) return std::nullopt;
  return ProbeFailure{ProbePhase::kStatus, ProbeReason::kUnexpectedStatus,
                      fmt::format("status code {} is not {}", status, valid.empty() ? "2xx" : "among the valid ones")};
}

std::optional<ProbeFailure> check_headers(const HttpSettings& settings, const HeaderList& headers) {
  for (const HeaderAssertion& assertion : settings.fail_if_header_matches) {
    const std::vector<std::string_view> values = header_values(headers, assertion.header);
    if (values.empty() && !assertion.allow_missing) return missing_header(assertion);
    if (any_matches(values, assertion.regexp)) {
      return ProbeFailure{ProbePhase::kHeader, ProbeReason::kRegexp,
                          fmt::format("header {} matches {}", assertion.header, assertion.regexp.pattern())};
    }
  }
  for (const HeaderAssertion& assertion : settings.fail_if_header_not_matches) {
    const std::vector<std::string_view> values = header_values(headers, assertion.header);
    if (values.empty() && !assertion.allow_missing) return missing_header(assertion);
    if (!values.empty() && !any_matches(values, assertion.regexp)) {
      return ProbeFailure{ProbePhase::kHeader, ProbeReason::kRegexp,
                          fmt::format("header {} does not match {}", assertion.header, assertion.regexp.pattern())};
    }
  }
  return std::nullopt;
}

std::optional<ProbeFailure> check_body(const HttpSettings& settings, std::string_view body) {
  for (const Regex& regexp : settings.fail_if_body_matches) {
    if (regexp.search(body)) {
      return ProbeFailure{ProbePhase::kBody, ProbeReason::kRegexp, fmt::format("body matches {}", regexp.pattern())};
    }
  }
  for (const Regex& regexp : settings.fail_if_body_not_matches) {
    if (!regexp.search(body)) {
      return ProbeFailure{ProbePhase::kBody, ProbeReason::kRegexp,
                          fmt::format("body does not match {}", regexp.pattern())};
    }
  }
  return std::nullopt;
}

std::optional<ProbeFailure> check_version(const HttpSettings& settings, const std::string& protocol) {
  const std::vector<std::string>& valid = settings.valid_http_versions;
  if (valid.empty() || std::find(valid.begin(), valid.end(), protocol) != valid.end()) return std::nullopt;
  return ProbeFailure{ProbePhase::kStatus, ProbeReason::kUnexpectedVersion,
                      fmt::format("HTTP version {} is not among the valid ones", protocol)};
}

std::optional<ProbeFailure> check_ssl(const HttpSettings& settings, bool over_tls) {
  if (over_tls && settings.fail_if_ssl) {
    return ProbeFailure{ProbePhase::kStatus, ProbeReason::kSslUnwanted, "final request was over TLS"};
  }
  if (!over_tls && settings.fail_if_not_ssl) {
    return ProbeFailure{ProbePhase::kStatus, ProbeReason::kSslMissing, "final request was not over TLS"};
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  const std::string date = without_fraction(std::string(text));
  constexpr std::array<const char*, 3> kForms{"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                              "%a %b %e %H:%M:%S %Y"};
  for (const char* form : kForms) {
    std::tm parts{};
    const char* end = strptime(date.c_str(), form, &parts);
    // strptime takes days of one digit too; only asctime's form, the last one, has them.
    const std::size_t day = date.find_first_of("0123456789");
    const bool two_digits = day + 1 < date.size() && std::isdigit(static_cast<unsigned char>(date[day + 1])) != 0;
    if (end == nullptr || *end != '\0' || !(two_digits || form == kForms.back())) continue;
    const std::tm given = parts;
    const std::time_t time = timegm(&parts);
    // What had to be moved to a time that there is was no date: 31 February, second 60.
    if (given.tm_mday != parts.tm_mday || given.tm_sec != parts.tm_sec) continue;
    return time;
  }
  return std::nullopt;
}

std::int64_t content_length_of(const std::string& method, int status, const HeaderList& headers) {
  if (method != "HEAD" && (status == 204 || status == 304 || (status >= 100 && status < 200))) return 0;
  if (!header_values(headers, "Transfer-Encoding").empty()) return -1;
  const std::vector<std::string_view> lengths = header_values(headers, "Content-Length");
  return lengths.empty() ? -1 : parse_int(lengths.front()).value_or(-1);
}

double version_number(std::string_view protocol) {
  if (protocol == "HTTP/1.0") return 1.0;
  if (protocol == "HTTP/1.1") return 1.1;
  if (protocol == "HTTP/2.0") return 2.0;
  return 0;
}

}  // namespace heal::probe
