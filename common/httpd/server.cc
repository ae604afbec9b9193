#include "common/httpd/server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <exception>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/httpd/authenticator.h"
#include "common/httpd/listen.h"
#include "common/httpd/reactor.h"
#include "common/httpd/router.h"
#include "common/httpd/web_watcher.h"
#include "common/httpd/worker_pool.h"

namespace heal::httpd {
namespace {

constexpr std::size_t kAuthThreads = 2;  // bcrypt takes tens of milliseconds of CPU each
constexpr std::size_t kAuthQueue = 64;
constexpr std::size_t kAdminQueue = 64;

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// A page of another site may send a form or a simple POST here with the user's credentials; its Origin gives it away.
bool is_cross_origin(const HttpRequest& request) {
  const auto origin = request.header("Origin");
  if (origin.empty() || is_safe(request.method)) return false;
  const auto scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return true;  // "null" and the like
  return to_lower(origin.substr(scheme_end + 3)) != to_lower(request.header("Host"));
}

/// `host`, `host:port` or `[v6]:port` without the port, in lower case.
std::string host_of(std::string_view authority) {
  auto host = to_lower(authority);
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

// A page of another site may have its own name resolve to this machine (DNS rebinding): then Origin and Host agree, and
// only the name gives it away. Where no credentials are asked for, a browser must therefore have come by a name that
// nobody else can hold.
bool is_own_name(std::string_view authority, const std::vector<ListenAddress>& listen) {
  const auto host = host_of(authority);
  if (host == "localhost" || host.starts_with('[')) return true;
  in_addr ignored{};
  if (::inet_pton(AF_INET, host.c_str(), &ignored) == 1) return true;
  return std::any_of(listen.begin(), listen.end(), [&](const ListenAddress& address) {
    return !address.host.empty() && to_lower(address.host) == host;
  });
}

bool asks_who_it_is(const WebConfig& config) {
  return !config.users.empty() || (config.tls && config.tls->client_auth == ClientAuth::kRequireAndVerify);
}

DeferredHandler answer_at_once(Handler handler) {
  return [handler = std::move(handler)](const HttpRequest& request, Responder responder) {
    responder.send(handler(request));
  };
}

}  // namespace

class HttpServer::Impl final : public RequestGate {
 public:
  Impl(ServerOptions options, std::vector<ListenAddress> listen, std::vector<ListenAddress> admin_listen,
       std::unique_ptr<WebWatcher> watcher, const Logger& logger, Metrics& metrics)
      : options_(std::move(options)),
        listen_(std::move(listen)),
        admin_listen_(std::move(admin_listen)),
        logger_(logger.component("httpd")),
        metrics_(std::make_shared<const ServerMetrics>(metrics, options_.metrics_prefix)),
        mailbox_(std::make_shared<Mailbox>()),
        watcher_(std::move(watcher)),
        reactor_(options_.limits, *this, mailbox_, metrics_, logger_) {}
  ~Impl() override { stop(0s); }

  void add(Route route) { router_.add(std::make_unique<Route>(std::move(route))); }
  const Router& router() const { return router_; }
  Status start();
  void stop(Duration grace);

  const std::vector<std::string>& addresses() const { return addresses_; }
  std::uint16_t port() const { return port_; }
  WebWatcher& watcher() { return *watcher_; }

  std::shared_ptr<const WebState> web() override { return watcher_->get(); }
  Admission admit(HttpRequest& request, Scope scope) override;
  Admission admit_verified(HttpRequest& request, const Route& route) override;
  bool verify(const HttpRequest& request, std::uint64_t connection, std::uint64_t exchange) override;
  HttpResponse unauthorized(const HttpRequest& request) override;
  bool dispatch(const Route& route, HttpRequest& request, std::shared_ptr<Exchange> exchange) override;

 private:
  Status bind(const ListenAddress& address, Scope scope);
  void serve_on(Listener listener, Scope scope);
  Admission refuse(const Route* route, HttpResponse response) const {
    return {RequestGate::Verdict::kRefuse, route, std::move(response)};
  }
  /// Why a browser's request must not be served; "" when it may be.
  std::string origin_problem(const HttpRequest& request) const;
  Admission check_user(HttpRequest& request, const Route& route);
  void run(const Route& route, const HttpRequest& request, const std::shared_ptr<Exchange>& exchange) const;

  const ServerOptions options_;
  const std::vector<ListenAddress> listen_;
  const std::vector<ListenAddress> admin_listen_;
  const Logger logger_;
  const std::shared_ptr<const ServerMetrics> metrics_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::unique_ptr<WebWatcher> watcher_;
  Authenticator authenticator_;
  Router router_;
  std::vector<std::string> addresses_;
  std::uint16_t port_ = 0;
  Reactor reactor_;
  std::unique_ptr<WorkerPool> main_pool_;
  std::unique_ptr<WorkerPool> admin_pool_;
  std::unique_ptr<WorkerPool> auth_pool_;
};

Status HttpServer::Impl::bind(const ListenAddress& address, Scope scope) {
  HEAL_TRY(auto listener, bind_listener(address, {options_.unix_mode, options_.unix_group}));
  serve_on(std::move(listener), scope);
  return {};
}

void HttpServer::Impl::serve_on(Listener listener, Scope scope) {
  addresses_.push_back(listener.address);
  if (port_ == 0) port_ = listener.port;
  reactor_.add_listener(std::move(listener), scope);
}

Status HttpServer::Impl::start() {
  for (const auto& socket : options_.passed) {
    HEAL_TRY(auto listener, adopt_passed_socket(socket));
    serve_on(std::move(listener), Scope::kAll);
  }
  for (const auto& address : listen_)
    HEAL_TRY_STATUS(bind(address, Scope::kAll));
  for (const auto& address : admin_listen_)
    HEAL_TRY_STATUS(bind(address, Scope::kAdminOnly));
  main_pool_ = std::make_unique<WorkerPool>(options_.workers, options_.queue);
  admin_pool_ = std::make_unique<WorkerPool>(options_.admin_workers, kAdminQueue);
  auth_pool_ = std::make_unique<WorkerPool>(kAuthThreads, kAuthQueue);
  HEAL_TRY_STATUS(reactor_.start());
  for (const auto& address : addresses_) {
    logger_.info("listening", {{"address", address}, {"tls", watcher_->get()->tls != nullptr}});
  }
  return {};
}

void HttpServer::Impl::stop(Duration grace) {
  reactor_.stop(grace);
  mailbox_->close();
  for (auto* pool : {main_pool_.get(), admin_pool_.get(), auth_pool_.get()}) {
    if (pool != nullptr) pool->stop();
  }
}

RequestGate::Admission HttpServer::Impl::admit(HttpRequest& request, Scope scope) {
  auto found = router_.find(request.method, request.path);
  const bool is_hidden =
      scope == Scope::kAdminOnly && found.route != nullptr && found.route->options.route_class != RouteClass::kAdmin;
  if (is_hidden || (found.route == nullptr && found.allow.empty())) {
    return refuse(nullptr, HttpResponse::error(request, 404, "there is nothing at this path"));
  }
  if (found.route == nullptr) {
    auto response = HttpResponse::error(request, 405, "this path has other methods: " + found.allow);
    response.headers.emplace_back("Allow", found.allow);
    return refuse(nullptr, std::move(response));
  }
  request.route = found.route->pattern;
  request.tail = std::move(found.tail);
  if (const auto problem = origin_problem(request); !problem.empty()) {
    metrics_->rejected(RejectReason::kCrossOrigin);
    return refuse(found.route, HttpResponse::error(request, 403, problem));
  }
  return check_user(request, *found.route);
}

std::string HttpServer::Impl::origin_problem(const HttpRequest& request) const {
  if (options_.origin_check != OriginCheck::kEnforce || request.header("Origin").empty() || is_safe(request.method))
    return "";
  if (is_cross_origin(request)) return "requests from pages of other sites are refused";
  const bool is_trusted = asks_who_it_is(watcher_->get()->config) || is_own_name(request.header("Host"), listen_) ||
                          is_own_name(request.header("Host"), admin_listen_);
  if (is_trusted) return "";
  return "without credentials a page may send this only to localhost, an IP address, or the name in "
         "--web.listen-address";
}

RequestGate::Admission HttpServer::Impl::check_user(HttpRequest& request, const Route& route) {
  const auto state = web();
  if (route.options.auth == RouteAuth::kOpen || state->config.users.empty()) return admit_verified(request, route);
  const auto credentials = parse_basic_auth(request.header("Authorization"));
  if (!credentials) {
    metrics_->rejected(RejectReason::kUnauthorized);
    return refuse(&route, unauthorized(request));
  }
  if (!authenticator_.is_known(state->config, *credentials)) return {Verdict::kVerify, &route, {}};
  request.user = credentials->user;
  return admit_verified(request, route);
}

RequestGate::Admission HttpServer::Impl::admit_verified(HttpRequest& request, const Route& route) {
  const auto state = web();
  if (route.options.auth == RouteAuth::kRequired && !state->config.users.empty() && request.user.empty()) {
    const auto credentials = parse_basic_auth(request.header("Authorization"));
    if (credentials) request.user = credentials->user;
  }
  const auto& role = route.options.role;
  if (!role.empty() && options_.authorize && !options_.authorize(request.user, role)) {
    metrics_->rejected(RejectReason::kForbidden);
    return refuse(&route, HttpResponse::error(request, 403, "this needs the role \"" + role + "\""));
  }
  return {Verdict::kServe, &route, {}};
}

bool HttpServer::Impl::verify(const HttpRequest& request, std::uint64_t connection, std::uint64_t exchange) {
  auto credentials = parse_basic_auth(request.header("Authorization"));
  if (!credentials) return false;
  return auth_pool_->try_post([this, state = web(), credentials = std::move(*credentials), connection, exchange] {
    const bool is_right = authenticator_.verify(state->config, credentials);
    mailbox_->post({.kind = is_right ? Mail::Kind::kAuthenticated : Mail::Kind::kDenied,
                    .connection = connection,
                    .exchange = exchange});
  });
}

HttpResponse HttpServer::Impl::unauthorized(const HttpRequest& request) {
  auto response = HttpResponse::error(request, 401, "credentials are missing or wrong");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

bool HttpServer::Impl::dispatch(const Route& route, HttpRequest& request, std::shared_ptr<Exchange> exchange) {
  if (route.options.route_class == RouteClass::kLoop) {
    run(route, request, exchange);
    return true;
  }
  auto& pool = route.options.route_class == RouteClass::kAdmin ? *admin_pool_ : *main_pool_;
  const auto taken = std::make_shared<HttpRequest>(std::move(request));
  if (pool.try_post([this, &route, taken, exchange = std::move(exchange)] { run(route, *taken, exchange); }))
    return true;
  request = std::move(*taken);
  return false;
}

void HttpServer::Impl::run(const Route& route, const HttpRequest& request,
                           const std::shared_ptr<Exchange>& exchange) const {
  const auto failed = [&](std::string_view what) {
    logger_.error("handler failed", {{"handler", route.pattern}, {"err", what}});
  };
  // The responder is destroyed while the stack unwinds: that answers 500 without the exception's text.
  try {
    route.handler(request, Responder(exchange));
  } catch (const std::exception& error) {
    failed(error.what());
  } catch (...) {
    failed("unknown exception");
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::create(ServerOptions options, const Logger& logger, Metrics& metrics) {
  std::vector<ListenAddress> listen, admin_listen;
  if (!options.passed.empty()) options.listen.clear();
  for (const auto& text : options.listen) {
    HEAL_TRY(auto address, parse_listen_address(text));
    listen.push_back(std::move(address));
  }
  for (const auto& text : options.admin_listen) {
    HEAL_TRY(auto address, parse_listen_address(text));
    admin_listen.push_back(std::move(address));
  }
  if (listen.empty() && admin_listen.empty() && options.passed.empty())
    return make_error(ErrorCode::kInvalid, "no listen address");
  if (options.workers == 0 || options.admin_workers == 0) {
    return make_error(ErrorCode::kInvalid, "a server needs at least one worker in each pool");
  }
  HEAL_TRY(auto watcher,
           WebWatcher::create(options.web_config_file, logger.component("httpd"), options.check_web,
                              metrics.gauge(options.metrics_prefix + "_http_web_config_last_reload_successful",
                                            "1 while what web.config.yml says is in force, 0 when it was refused.")));
  return std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<Impl>(
      std::move(options), std::move(listen), std::move(admin_listen), std::move(watcher), logger, metrics)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

void HttpServer::get(std::string_view pattern, Handler handler, RouteOptions options) {
  handle("GET", pattern, std::move(handler), std::move(options));
}

void HttpServer::post(std::string_view pattern, Handler handler, RouteOptions options) {
  handle("POST", pattern, std::move(handler), std::move(options));
}

void HttpServer::handle(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options) {
  HEAL_CHECK(options.route_class != RouteClass::kLoop, "what answers at once may take its time, and the loop has none");
  handle_deferred(method, pattern, answer_at_once(std::move(handler)), std::move(options));
}

void HttpServer::handle_deferred(std::string_view method, std::string_view pattern, DeferredHandler handler,
                                 RouteOptions options) {
  impl_->add({std::string(method), std::string(pattern), std::move(options), std::move(handler)});
}

std::vector<RouteInfo> HttpServer::routes() const {
  std::vector<RouteInfo> out;
  for (const auto& route : impl_->router().all())
    out.push_back({route->method, route->pattern, route->options.role, route->options.auth});
  return out;
}

Status HttpServer::start() {
  return impl_->start();
}
void HttpServer::stop(Duration grace) {
  impl_->stop(grace);
}
std::vector<std::string> HttpServer::addresses() const {
  return impl_->addresses();
}
std::uint16_t HttpServer::port() const {
  return impl_->port();
}
Status HttpServer::reload() {
  return impl_->watcher().reload();
}
Status HttpServer::reload(const std::function<Status(const WebConfig&)>& check) {
  return impl_->watcher().reload(check);
}

}  // namespace heal::httpd
