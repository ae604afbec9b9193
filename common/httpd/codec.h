#pragma once

#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/httpd/head.h"
#include "common/httpd/message.h"

namespace heal::httpd {

/// How a response is to be written for one request.
struct ResponseFraming {
  bool is_head = false;         ///< the answer to HEAD: no body
  bool closes = false;          ///< the connection ends after it
  bool accepts_gzip = false;    ///< the client takes gzip
  Duration idle_timeout = 75s;  ///< told to the client of a connection that stays
};

/// Fills in method, target, path and query of a request from its checked head, by cpp-httplib's parser; nullopt when
/// that does not take it (an unknown method), or the decoded path has control characters.
std::optional<HttpRequest> read_request(const Head& head);

/// The bytes of `response`, by cpp-httplib's writer. Thread-safe.
std::string write_response(const HttpResponse& response, const ResponseFraming& framing);

/// True when the Accept-Encoding header `value` allows gzip.
bool accepts_gzip(std::string_view value);

}  // namespace heal::httpd
