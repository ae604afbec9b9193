#include "common/probe/url.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "common/base/text.h"
#include "common/model/ip_address.h"

namespace heal::probe {
namespace {

Error invalid(std::string_view what, std::string_view text) {
  return make_error(ErrorCode::kInvalid, "{}: \"{}\"", what, printable(text));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `mailto:x` is a URL of another scheme (RFC 3986, 3.1); `:x`, `1:x` and `a b:x` are none.
Error not_for_the_web(std::string_view text) {
  const std::string_view scheme = text.substr(0, text.find(':'));
  const auto in_scheme = [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; };
  const bool has_scheme = scheme.size() < text.size() && !scheme.empty() &&
                          std::isalpha(static_cast<unsigned char>(scheme.front())) != 0 &&
                          std::all_of(scheme.begin(), scheme.end(), in_scheme);
  return make_error(has_scheme ? ErrorCode::kRefused : ErrorCode::kInvalid, "not an http:// or https:// URL: \"{}\"",
                    printable(text));
}

bool has_forbidden_byte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// Spaces as they must stand in a request.
std::string with_spaces_escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == ' ' ? std::string_view("%20") : std::string_view(&c, 1);
  return out;
}

bool is_in(std::string_view some, char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || some.find(c) != std::string_view::npos;
}

/// As Go's net/url writes it: what may stand in a path stays as it is; if anything in it may not, all is escaped anew.
std::string escaped_path(std::string_view path, std::string_view decoded) {
  constexpr std::string_view kPlain = "-_.~$&+,/:;=@";
  const auto may_stay = [&](char c) { return is_in(kPlain, c) || is_in("!'()*[]%", c); };
  if (std::all_of(path.begin(), path.end(), may_stay)) return std::string(path);
  std::string out;
  for (const char c : decoded)
    out += is_in(kPlain, c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

/// The path and what follows it, beginning with '/'; kInvalid for a broken escape in the path.
Result<std::string> read_path(std::string_view text) {
  const std::string_view raw = text.substr(0, text.find('?'));
  const std::optional<std::string> decoded = percent_decoded(raw);
  if (!decoded) return invalid("a broken %-escape in the path", text);
  std::string path = escaped_path(raw, *decoded) + with_spaces_escaped(text.substr(raw.size()));
  if (!path.starts_with('/')) path.insert(0, "/");
  return path;
}

/// Characters that a host may hold here: what could change the meaning of a URL or a header is refused.
bool is_host(std::string_view host) {
  if (IpAddress::parse(host)) return true;
  return !host.empty() && host.find_first_of("/?#@[]\\<>^`{|}\"%: ") == std::string_view::npos;
}

Status read_authority(std::string_view authority, Url& url) {
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.userinfo = authority.substr(0, at);
    if (!percent_decoded(url.userinfo) || url.userinfo.find(' ') != std::string::npos) {
      return Error(ErrorCode::kInvalid, "the user information of the URL is not well-formed");
    }
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return invalid("missing ']' in the host", authority);
    std::optional<std::string> host = percent_decoded(authority.substr(1, close - 1));
    if (!host || !IpAddress::parse(*host)) return invalid("not an address between the brackets", authority);
    url.host = *std::move(host);
    port = authority.substr(close + 1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (url.host.empty()) return Error(ErrorCode::kRefused, "not a host name: \"\"");
  if (!is_host(url.host)) return invalid("not a host name", url.host);
  if (port.empty() || port == ":") return {};
  url.port = port.front() == ':' ? parse_port(port.substr(1)) : std::nullopt;
  if (!url.port) return invalid("not a port", port);
  return {};
}

/// RFC 3986, 5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> segments = split(path.substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (segments[i] == "..") {
      if (!kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else if (segments[i] == ".") {
      if (last) kept.emplace_back();
    } else {
      kept.push_back(segments[i]);
    }
  }
  std::string out;
  for (const std::string_view segment : kept)
    out.append("/").append(segment);
  return out.empty() ? "/" : out;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::int64_t> number = parse_int(text);
  if (!number || *number < 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Status check_hostname(std::string_view hostname) {
  const auto not_one = [&](std::string_view why) {
    return make_error(ErrorCode::kInvalid, "the host name \"{}\" {}", printable(hostname), why);
  };
  if (has_forbidden_byte(hostname)) return not_one("holds a control character");
  if (hostname.starts_with('.')) return not_one("begins with a dot");
  const std::size_t odd = hostname.find_first_of("/?#@\\<>^`{|}\"% ");
  if (odd != std::string_view::npos) return not_one(fmt::format("holds '{}'", hostname[odd]));
  return {};
}

Result<Url> Url::parse(std::string_view text) {
  if (has_forbidden_byte(text)) return invalid("a URL cannot hold control characters", text);
  text = text.substr(0, text.find('#'));
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return not_for_the_web(text);
  Url url;
  url.scheme = to_lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return not_for_the_web(text);
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  HEAL_TRY_STATUS(read_authority(text.substr(0, end), url));
  HEAL_TRY(url.path_and_query, read_path(text.substr(end)));
  return url;
}

Result<Url> Url::resolve(std::string_view reference) const {
  if (has_forbidden_byte(reference)) return invalid("a URL cannot hold control characters", reference);
  reference = reference.substr(0, reference.find('#'));
  const std::size_t colon = reference.find(':');
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?")) return parse(reference);
  if (reference.starts_with("//")) return parse(fmt::format("{}:{}", scheme, reference));
  Url url = *this;
  if (reference.empty()) return url;
  const std::string_view base_path = std::string_view(path_and_query).substr(0, path_and_query.find('?'));
  if (reference.starts_with('?')) {
    url.path_and_query = std::string(base_path).append(with_spaces_escaped(reference));
    return url;
  }
  const std::size_t query = std::min(reference.find('?'), reference.size());
  std::string path(reference.substr(0, query));
  if (!path.starts_with('/')) path.insert(0, base_path.substr(0, base_path.rfind('/') + 1));
  HEAL_TRY(url.path_and_query, read_path(without_dot_segments(path).append(reference.substr(query))));
  return url;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port ? fmt::format("{}:{}", name, *port) : name;
}

Result<HostPort> split_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid("missing port in address", text);
  HostPort parts{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  if (parts.host.starts_with('[')) {
    if (!parts.host.ends_with(']')) return invalid("missing port in address", text);
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return invalid("too many colons in address", text);
  }
  if (parts.host.find_first_of("[]") != std::string::npos) return invalid("unexpected bracket in address", text);
  return parts;
}

}  // namespace heal::probe
