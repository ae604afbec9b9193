#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/httpd/message.h"
#include "common/httpd/passed_sockets.h"
#include "common/httpd/responder.h"
#include "common/httpd/web_config.h"
#include "common/telemetry/logger.h"
#include "common/telemetry/metrics.h"

namespace heal::httpd {

/// What a client may use up. Each limit answers with the code named, or closes.
struct Limits {
  std::size_t head_bytes = 16 * 1024;            ///< request line and headers; 431 (414 for the line alone)
  std::size_t header_count = 100;                ///< 431
  std::size_t body_bytes = 1024 * 1024;          ///< 413; a route may set its own
  std::size_t connections = 4096;                ///< the one idle longest is closed for a new one; none idle: 503
  std::size_t stream_buffer_bytes = 256 * 1024;  ///< what a slow reader of a stream may leave unread
  Duration head_timeout = 10s;      ///< from the first byte (or the connection) to the end of the head; 408
  Duration body_timeout = 30s;      ///< for the whole body; 408
  Duration idle_timeout = 75s;      ///< between requests; closes
  Duration write_timeout = 30s;     ///< for each 64 KiB of a response; closes
  Duration stream_heartbeat = 15s;  ///< a comment is sent on an event stream that has been silent for so long
};

/// Where a browser's cross-site POST stops: an Origin that is not the Host it was sent to gets 403.
enum class OriginCheck { kEnforce, kOff };

struct ServerOptions {
  /// `host:port`, `:port` (all addresses), `[::1]:port`, or `unix:/path`; port 0 lets the system choose.
  std::vector<std::string> listen;
  /// Sockets to serve on in place of `listen`; the server closes them.
  std::vector<PassedSocket> passed;
  /// Further addresses that serve admin routes only.
  std::vector<std::string> admin_listen;
  std::uint32_t unix_mode = 0660;
  /// Group that a unix socket's file is given to; absent: the process's own.
  std::optional<std::uint32_t> unix_group;
  /// exporter-toolkit's web.config.yml: TLS, mTLS, basic auth, headers; "" for none. Read again when it changes; a
  /// change that would end authentication or TLS comes into force by reload() alone.
  std::string web_config_file;
  /// Says why a configuration must not come into force: asked by create(), at every change, and by reload(), perhaps
  /// under a lock of the server's, so it must not call the server. Absent: every configuration may.
  std::function<Status(const WebConfig&)> check_web;
  Limits limits;
  std::size_t workers = 16;       ///< threads of the main pool
  std::size_t queue = 256;        ///< requests that may wait for one; then 503 with Retry-After
  std::size_t admin_workers = 2;  ///< threads of the pool that serves admin routes alone
  OriginCheck origin_check = OriginCheck::kEnforce;
  std::string metrics_prefix = "heal";
  /// Whether `user` ("" when the server asks for no credentials) may use routes of `role`; absent: everyone may.
  std::function<bool(std::string_view user, std::string_view role)> authorize;
};

enum class RouteClass {
  kMain,   ///< served by the main pool
  kAdmin,  ///< served by a small pool of its own: stays responsive while the main one is full
  kLoop,   ///< deferred handlers only, which take microseconds and never block: run by the thread of all connections
};
enum class RouteAuth {
  kRequired,  ///< credentials are asked for when web.config.yml has users
  kOpen,      ///< never
};

struct RouteOptions {
  RouteClass route_class = RouteClass::kMain;
  RouteAuth auth = RouteAuth::kRequired;
  std::string role;            ///< handed to ServerOptions::authorize; "" for none
  std::size_t body_bytes = 0;  ///< 0: Limits::body_bytes
  std::string name;            ///< the `handler` label of the metrics; "": the pattern
};

/// A route as it was added: for those who document or test them all.
struct RouteInfo {
  std::string method, pattern, role;
  RouteAuth auth = RouteAuth::kRequired;

  auto operator<=>(const RouteInfo&) const = default;
};

/// Runs on a pool and answers at once. May block for as long as a worker may be missed. An exception becomes a 500.
using Handler = std::function<HttpResponse(const HttpRequest&)>;
/// Runs on a pool (or as its RouteClass says), must be short, and hands `responder` to whoever answers (or streams)
/// later.
using DeferredHandler = std::function<void(const HttpRequest&, Responder responder)>;

/// An HTTP/1.1 server that may face a network: one epoll thread reads whole requests within Limits and writes
/// responses, bounded pools run the handlers (but RouteClass::kLoop); an idle or slow client holds no thread.
/// cpp-httplib parses and writes the messages behind that guard; its own socket loop is never used. TLS by OpenSSL.
///
/// Use: create(), routes, start(), stop(). Routes must not change after start(). Methods other than GET and POST are
/// named in handle(). HEAD is answered wherever GET is, without the body. A pattern is an exact path (`/metrics`) or a
/// prefix that ends in `*` (`/api/v1/incidents/*`), or has a `*` for one segment within it
/// (`/api/v1/incidents/*/approve`); what `*` stands for becomes HttpRequest::tail; exact beats those, longer
/// beats shorter. Unknown path: 404; known path, other method: 405 with Allow.
class HttpServer {
 public:
  /// Checks the options and reads web_config_file; binds nothing yet. `metrics` must outlive the server.
  static Result<std::unique_ptr<HttpServer>> create(ServerOptions options, const Logger& logger, Metrics& metrics);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void get(std::string_view pattern, Handler handler, RouteOptions options = {});
  void post(std::string_view pattern, Handler handler, RouteOptions options = {});
  void handle(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options = {});
  void handle_deferred(std::string_view method, std::string_view pattern, DeferredHandler handler,
                       RouteOptions options = {});

  /// All routes so far, in the order in which they were added.
  std::vector<RouteInfo> routes() const;

  /// Binds every address and starts serving; the error names the address that could not be had.
  Status start();
  /// Stops accepting, lets what is in flight end until `grace` has passed, then closes all. Idempotent; afterwards no
  /// handler runs and none will. Responders that are still held do nothing.
  void stop(Duration grace = 5s);

  /// `127.0.0.1:41234` or `unix:/path`, in the order of listen then admin_listen, with the real port; after start().
  std::vector<std::string> addresses() const;
  /// The port of the first TCP address; 0 when there is none.
  std::uint16_t port() const;
  /// Reads web_config_file again; on an error the old settings stay. The second form asks `check` instead of
  /// ServerOptions::check_web.
  Status reload();
  Status reload(const std::function<Status(const WebConfig&)>& check);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace heal::httpd
