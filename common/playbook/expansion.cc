#include "common/playbook/expansion.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "common/base/redact.h"
#include "common/base/text.h"

namespace heal::playbook {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 3986 unreserved characters stay, everything else becomes %XX.
std::string percent_encode(const std::string& value) {
  std::string out;
  for (const char c : value) {
    const bool is_unreserved = is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
    out += is_unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool is_authority_text(const std::string& value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

/// Every %XX once; what is no escape stays.
std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
    out += low ? static_cast<char>(*high * 16 + *low) : text[i];
    if (low) i += 2;
  }
  return out;
}

/// True when a part of `path`, as servers split it after they decoded it, is `.` or `..` (also with a `;parameter`).
bool has_dot_part(std::string_view path) {
  auto decoded = percent_decode(path);
  std::replace(decoded.begin(), decoded.end(), '\\', '/');
  const auto parts = split(decoded, '/');
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    const auto name = part.substr(0, part.find(';'));
    return name == "." || name == "..";
  });
}

/// One segment of a path. Servers decode %2F before they merge "..", so encoding alone does not keep a value in its
/// segment.
Result<std::string> path_segment(const std::string& value) {
  if (percent_decode(value).find_first_of("/\\") != std::string::npos)
    return make_error(ErrorCode::kInvalid,
                      "\"{}\" holds a slash or a backslash and cannot be put into a URL's path (after \"?\" it can)",
                      printable(value, 80));
  if (has_dot_part(value))
    return make_error(ErrorCode::kInvalid, "\"{}\" cannot be put into a URL's path: it would leave its place there",
                      printable(value, 80));
  return percent_encode(value);
}

Result<std::string> url_part(std::string_view before, const std::string& value) {
  if (before.empty()) return value;  // the whole URL, or its beginning: checked as a URL afterwards
  const auto scheme_end = before.find("://");
  if (scheme_end == std::string_view::npos)
    return make_error(ErrorCode::kInvalid, "a value cannot be a part of a URL's scheme");
  if (before.find_first_of("?#", scheme_end + 3) != std::string_view::npos) return percent_encode(value);
  if (before.find('/', scheme_end + 3) != std::string_view::npos) return path_segment(value);
  if (is_authority_text(value)) return value;
  return make_error(ErrorCode::kInvalid, "\"{}\" is not a host or host:port", printable(value, 80));
}

/// Whether JSON text that begins with `before` goes on inside of a string.
bool is_inside_string(std::string_view before) {
  bool is_inside = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == '"') is_inside = !is_inside;
    if (before[i] == '\\' && is_inside) ++i;
  }
  return is_inside;
}

/// Templates let no control character through, so that quotes and backslashes are all that there is.
std::string escape_json(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

bool has_dot_segment(std::string_view url) {
  const auto scheme_end = url.find("://");
  auto path = url.substr(scheme_end == std::string_view::npos ? 0 : scheme_end + 3);
  return has_dot_part(path.substr(0, path.find_first_of("?#")));
}

/// host and port of `host`, `host:port`, `[v6]:port`; port "" when there is none.
std::pair<std::string, std::string> split_host(std::string_view authority) {
  const auto lower = to_lower(authority);
  const auto colon = lower.rfind(':');
  const bool has_port = colon != std::string::npos && lower.back() != ']' && colon + 1 < lower.size();
  return {lower.substr(0, has_port ? colon : std::string::npos), has_port ? lower.substr(colon + 1) : ""};
}

}  // namespace

Result<std::string> expand_url(const Template& text, const Scope& scope) {
  HEAL_TRY(auto url, text.expand(scope, url_part));
  if (const auto problem = config::http_url_problem(url))
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a URL that can be used: {}", printable(redact_line(url), 120),
                      *problem);
  if (!text.is_literal() && has_dot_segment(url))
    return make_error(ErrorCode::kInvalid, "\"{}\" has \".\" or \"..\" in its path", printable(redact_line(url), 120));
  return url;
}

Result<std::string> expand_dns_name(const Template& text, const Scope& scope) {
  HEAL_TRY(auto name, text.expand(scope));
  if (!config::is_dns_name(name))
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a DNS name", printable(name, 80));
  return name;
}

Result<std::string> expand_query(const Template& text, const Scope& scope) {
  return text.expand(scope, [](std::string_view, const std::string& value) -> Result<std::string> {
    if (value.find_first_of("\"\\'`") == std::string::npos) return value;
    return make_error(ErrorCode::kInvalid, "\"{}\" holds a quote or a backslash and cannot be put into a query",
                      printable(value, 80));
  });
}

Result<std::string> expand_json(const Template& text, const Scope& scope) {
  return text.expand(scope, [](std::string_view before, const std::string& value) -> Result<std::string> {
    if (is_inside_string(before)) return escape_json(value);
    return make_error(ErrorCode::kInvalid, "a place in JSON must stand inside of double quotes");
  });
}

Result<std::string> expand_argument(const Template& text, const Scope& scope) {
  return text.expand(scope, [](std::string_view before, const std::string& value) -> Result<std::string> {
    const bool begins_option = before.empty() && value.substr(0, 1) == "-";
    if (!begins_option) return value;
    return make_error(ErrorCode::kInvalid, "\"{}\" begins with a dash and could be taken for an option",
                      printable(value, 80));
  });
}

Result<ArgumentValue> expand_typed(const Template& text, const TypeSpec& type, const Scope& scope) {
  if (type.type == ValueType::kUrl) {
    HEAL_TRY(auto url, expand_url(text, scope));
    return ArgumentValue(std::move(url));
  }
  HEAL_TRY(auto plain, text.expand(scope));
  // What the file's author wrote may hold line ends, and expand() lets none of a value's through.
  const bool is_free_text = type.type == ValueType::kString && type.words.empty() && !type.pattern;
  if (is_free_text) return ArgumentValue(std::move(plain));
  HEAL_TRY(auto value, check_value(type, plain));
  switch (type.type) {
    case ValueType::kInteger:
      return ArgumentValue(parse_int(value).value_or(0));
    case ValueType::kNumber: {
      double number = 0;
      std::from_chars(value.data(), value.data() + value.size(), number);
      return ArgumentValue(number);
    }
    case ValueType::kBoolean:
      return ArgumentValue(value == "true");
    case ValueType::kDuration: {
      HEAL_TRY(const auto duration, parse_duration(value));
      return ArgumentValue(duration);
    }
    default:
      return ArgumentValue(std::move(value));
  }
}

Status check_address_allowed(const AllowLists& allow, const std::string& address) {
  const auto [host, port] = split_host(address);
  for (const auto& entry : allow.hosts) {
    const auto [allowed_host, allowed_port] = split_host(entry);
    if (allowed_host == host && (allowed_port.empty() || allowed_port == port)) return {};
  }
  return make_error(ErrorCode::kRefused, "{} is not under allow.hosts in heal.yml", printable(address, 120));
}

Status check_host_allowed(const AllowLists& allow, const std::string& url) {
  const auto start = url.find("://") + 3;
  auto authority = url.substr(start, url.find_first_of("/?#", start) - start);
  if (split_host(authority).second.empty()) authority += url.substr(0, 5) == "https" ? ":443" : ":80";
  return check_address_allowed(allow, authority);
}

bool is_from_event(const Template& text) {
  const auto references = text.references();
  return std::any_of(references.begin(), references.end(),
                     [](const Template::Reference& reference) { return reference.path.substr(0, 7) != "target."; });
}

}  // namespace heal::playbook
