#include "common/httpd/head.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kMaxTarget = 8000;      // cpp-httplib refuses a request line of 8192 bytes
constexpr std::size_t kMaxHeaderLine = 8000;  // and a header line of 8192
constexpr std::size_t kMaxMethod = 32;

// RFC 9110 5.6.2.
bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

// Spaces and tabs only, as RFC 9110 5.6.3 has it.
std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::optional<Rejection> parse_version(std::string_view version, Head& head) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    head.minor_version = version.back() - '0';
    return std::nullopt;
  }
  if (version.starts_with("HTTP/")) return Rejection{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  return Rejection{400, "malformed request line"};
}

// `http://host/path` (RFC 9112 3.2.2) as `/path`.
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  return target;
}

std::optional<Rejection> parse_request_line(std::string_view line, Head& head) {
  const Rejection malformed{400, "malformed request line"};
  const auto first = line.find(' ');
  const auto second = line.rfind(' ');
  if (first == std::string_view::npos || second == first) return malformed;
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, second - first - 1);
  if (!is_token(method) || method.size() > kMaxMethod || target.empty() || !is_visible_ascii(target)) return malformed;
  if (target.size() > kMaxTarget) return Rejection{414, "the request target is too long"};
  head.method = method;
  head.target = origin_form(target);
  if (!head.target.starts_with('/')) return Rejection{400, "the request target must be a path"};
  return parse_version(line.substr(second + 1), head);
}

std::optional<Rejection> parse_field(std::string_view line, Head& head) {
  if (line.size() > kMaxHeaderLine) return Rejection{431, "a header line is too long"};
  if (line.front() == ' ' || line.front() == '\t') return Rejection{400, "folded header lines are not accepted"};
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return Rejection{400, "malformed header"};
  const auto value = trim_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return Rejection{400, "control character in a header"};
  head.headers.emplace_back(line.substr(0, colon), value);
  return std::nullopt;
}

struct Framing {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
  bool keep_alive = false;
};

std::optional<Rejection> read_length(std::string_view value, Head& head) {
  const bool digits = !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || value.size() > 18) return Rejection{400, "Content-Length must be a number"};
  head.content_length = static_cast<std::uint64_t>(parse_int(value).value_or(0));
  return std::nullopt;
}

void read_connection(const std::string& value, Head& head, Framing& framing) {
  for (const auto option : split(value, ',')) {
    if (trim(option) == "close") head.wants_close = true;
    if (trim(option) == "keep-alive") framing.keep_alive = true;
  }
}

std::optional<Rejection> read_framing_field(std::string_view name, std::string_view value, Head& head,
                                            Framing& framing) {
  const std::string lower = to_lower(name);
  if (lower == "host") {
    ++framing.hosts;
  } else if (lower == "content-length") {
    ++framing.lengths;
    return read_length(value, head);
  } else if (lower == "transfer-encoding") {
    ++framing.encodings;
    if (to_lower(value) != "chunked") return Rejection{501, "the only transfer coding understood is chunked"};
    head.is_chunked = true;
  } else if (lower == "expect") {
    if (to_lower(value) != "100-continue") return Rejection{417, "unknown expectation"};
    head.expects_continue = true;
  } else if (lower == "connection") {
    read_connection(to_lower(value), head, framing);
  }
  return std::nullopt;
}

std::optional<Rejection> check_framing(Head& head) {
  Framing framing;
  for (const auto& [name, value] : head.headers) {
    if (auto rejection = read_framing_field(name, value, head, framing)) return rejection;
  }
  if (framing.hosts > 1 || (framing.hosts == 0 && head.minor_version == 1)) {
    return Rejection{400, "exactly one Host header is required"};
  }
  if (framing.lengths > 1) return Rejection{400, "more than one Content-Length"};
  if (framing.encodings > 1) return Rejection{400, "more than one Transfer-Encoding"};
  if (framing.encodings > 0 && framing.lengths > 0) {
    return Rejection{400, "both Content-Length and Transfer-Encoding"};
  }
  if (framing.encodings > 0 && head.minor_version == 0) return Rejection{400, "Transfer-Encoding in HTTP/1.0"};
  if (head.minor_version == 0) {
    head.expects_continue = false;
    if (!framing.keep_alive) head.wants_close = true;
  }
  return std::nullopt;
}

// Where the first request line begins: after at most one empty line (RFC 9112 2.2).
std::size_t skip_empty_line(std::string_view input) {
  return input.starts_with("\r\n") ? 2 : 0;
}

std::optional<Rejection> check_start(std::string_view input, std::size_t line_end) {
  const auto start = skip_empty_line(input);
  if (input.size() > start && input != "\r" && !is_token_char(input[start])) {
    return Rejection{400, "this is not an HTTP request"};
  }
  if (line_end == std::string_view::npos) return std::nullopt;
  Head ignored;
  return parse_request_line(input.substr(start, line_end - start), ignored);
}

}  // namespace

std::variant<std::size_t, Rejection> find_head(std::string_view input, const HeadLimits& limits, std::size_t& scanned) {
  const auto start = skip_empty_line(input);
  const auto line_end = input.find("\r\n", start);
  const bool is_line_new = line_end != std::string_view::npos && line_end + 2 > scanned;
  const bool is_start_new = scanned <= 2;  // an empty line may have been all there was
  if (is_start_new || is_line_new) {
    if (auto rejection = check_start(input, line_end)) return *rejection;
  }
  const auto end = input.find("\r\n\r\n", std::max<std::size_t>(scanned, start + 3) - 3);
  const bool is_complete = end != std::string_view::npos;
  const std::size_t size = is_complete ? end + 4 : input.size();
  // What follows the head is the body, whose lines may end as they like.
  for (auto newline = input.find('\n', scanned); newline < size; newline = input.find('\n', newline + 1)) {
    if (newline == 0 || input[newline - 1] != '\r') return Rejection{400, "lines must end in CR LF"};
  }
  if (size > limits.bytes) {
    if (line_end == std::string_view::npos || line_end > limits.bytes)
      return Rejection{414, "the request line is too long"};
    return Rejection{431, "the request head is too large"};
  }
  scanned = input.size();
  return is_complete ? size : std::size_t{0};
}

std::variant<Head, Rejection> parse_head(std::string_view text, const HeadLimits& limits) {
  text.remove_prefix(skip_empty_line(text));
  if (!text.ends_with("\r\n\r\n")) return Rejection{400, "incomplete request head"};
  text.remove_suffix(2);
  Head head;
  for (bool is_first = true; !text.empty(); is_first = false) {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (is_first) {
      if (auto rejection = parse_request_line(line, head)) return *rejection;
      continue;
    }
    if (line.empty()) return Rejection{400, "malformed header"};
    if (head.headers.size() >= limits.headers) return Rejection{431, "too many headers"};
    if (auto rejection = parse_field(line, head)) return *rejection;
  }
  if (auto rejection = check_framing(head)) return *rejection;
  return head;
}

}  // namespace heal::httpd
