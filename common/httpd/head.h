#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/httpd/message.h"

namespace heal::httpd {

/// The head of a request, checked strictly. Source: RFC 9112, RFC 9110.
struct Head {
  std::string method;
  std::string target;     ///< in origin form: the scheme and authority of an absolute form are cut off
  int minor_version = 1;  ///< HTTP/1.minor
  FieldList headers;
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  bool expects_continue = false;
  bool wants_close = false;  ///< by `Connection: close`, or HTTP/1.0 without keep-alive

  bool operator==(const Head&) const = default;
};

/// Why a request is refused before any handler sees it; the connection is closed after the answer.
struct Rejection {
  int status = 400;
  std::string message;  ///< names what was wrong, never repeats the client's bytes

  bool operator==(const Rejection&) const = default;
};

/// The most that a head may have.
struct HeadLimits {
  std::size_t bytes = 16 * 1024;
  std::size_t headers = 100;
};

/// The length of the head at the start of `input` with its empty line; 0 while it is incomplete; a Rejection as soon as
/// it can no longer become a good one: wrong first bytes, a malformed request line, over a limit. An empty line before
/// the request line belongs to the head. `scanned` is what an earlier call has already looked at and is updated.
std::variant<std::size_t, Rejection> find_head(std::string_view input, const HeadLimits& limits, std::size_t& scanned);

/// The head `text`, which find_head() has measured. Refuses what servers and proxies are known to read differently:
/// folded headers, spaces before the colon, several Content-Length, Content-Length with Transfer-Encoding, bare CR or
/// LF, control characters.
std::variant<Head, Rejection> parse_head(std::string_view text, const HeadLimits& limits);

}  // namespace heal::httpd
