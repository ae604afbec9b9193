#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heal::httpd {

/// Header fields in the order in which they came, or query parameters by name and then in the order in which they came.
using FieldList = std::vector<std::pair<std::string, std::string>>;

/// The process at the other end of a unix socket when it connected, as the kernel says (SO_PEERCRED). Its pid is 0 when
/// it lives in a PID namespace that cannot be seen from ours.
struct PeerCredentials {
  std::uint32_t uid = 0, gid = 0;
  std::int32_t pid = 0;

  bool operator==(const PeerCredentials&) const = default;
};

/// A request whose head and body have been read whole and within the limits. Value type.
struct HttpRequest {
  std::string method;  ///< as sent: GET, HEAD, POST …
  std::string target;  ///< as sent, e.g. `/probe?target=a%20b`
  std::string path;    ///< percent-decoded, without the query
  std::string tail;    ///< what followed the prefix of a prefix route (percent-decoded), else ""
  FieldList query;     ///< percent-decoded parameters of the target (never of the body)
  FieldList headers;   ///< names as sent
  std::string body;    ///< chunked bodies are decoded
  std::string user;    ///< who authenticated, "" when the server asks for no credentials
  std::string remote;  ///< the client's address without port, "unix" for a unix socket
  std::string route;   ///< the pattern of the route that took it
  bool is_tls = false;
  std::optional<PeerCredentials> peer;  ///< of a unix socket's client

  /// The first header of that name (case does not matter); "" when there is none.
  std::string_view header(std::string_view name) const;
  /// The first query parameter of that name.
  std::optional<std::string_view> param(std::string_view name) const;
  /// All query parameters of that name, in order.
  std::vector<std::string_view> params(std::string_view name) const;

  bool operator==(const HttpRequest&) const = default;
};

/// An answer. Content-Length and Connection are added; a long body is sent as gzip when the
/// client accepts that. Value type.
struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  FieldList headers;  ///< further headers; values with control characters are dropped

  static HttpResponse text(int status, std::string body);
  static HttpResponse json(int status, std::string body);
  static HttpResponse html(int status, std::string body);
  /// Below /api/ `{"error": {"code", "message"}}`; else `{"error": message}` if JSON is preferred, else plain text.
  static HttpResponse error(const HttpRequest& request, int status, std::string_view message);

  bool operator==(const HttpResponse&) const = default;
};

/// `Not Found` for 404; "Unknown" for a code that has no name.
std::string_view status_text(int status);

}  // namespace heal::httpd
