#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/httpd/connection.h"
#include "common/httpd/listen.h"
#include "common/httpd/mailbox.h"
#include "common/httpd/server.h"
#include "common/httpd/server_metrics.h"
#include "common/httpd/web_config.h"

namespace heal::httpd {

/// web.config.yml as it is in force, TLS made ready.
struct WebState {
  WebConfig config;
  std::shared_ptr<const TlsContext> tls;
};

/// What the loop asks of the server about a request whose head is complete. Called by the loop's thread; must not
/// block.
class RequestGate {
 public:
  enum class Verdict { kServe, kRefuse, kVerify };
  struct Admission {
    Verdict verdict = Verdict::kServe;
    const Route* route = nullptr;
    HttpResponse refusal;  ///< for kRefuse
  };

  virtual ~RequestGate() = default;
  /// The settings for new connections and requests.
  virtual std::shared_ptr<const WebState> web() = 0;
  /// Finds the route and checks who asks; fills in user, tail and route of `request`.
  virtual Admission admit(HttpRequest& request, Scope scope) = 0;
  /// Has the credentials checked elsewhere; kAuthenticated or kDenied is posted later. False: too many wait.
  virtual bool verify(const HttpRequest& request, std::uint64_t connection, std::uint64_t exchange) = 0;
  /// After kAuthenticated: the rest of admit().
  virtual Admission admit_verified(HttpRequest& request, const Route& route) = 0;
  virtual HttpResponse unauthorized(const HttpRequest& request) = 0;
  /// Hands a complete request to a pool, or serves it; false when the pool is full: then the request is as it was.
  virtual bool dispatch(const Route& route, HttpRequest& request, std::shared_ptr<Exchange> exchange) = 0;
};

/// The server's one epoll thread: accepts, reads requests within the limits, writes responses, keeps the deadlines.
class Reactor {
 public:
  Reactor(const Limits& limits, RequestGate& gate, std::shared_ptr<Mailbox> mailbox,
          std::shared_ptr<const ServerMetrics> metrics, Logger logger);
  ~Reactor();

  void add_listener(Listener listener, Scope scope) { listeners_.emplace_back(std::move(listener), scope); }
  Status start();
  /// See HttpServer::stop().
  void stop(Duration grace);

 private:
  using Id = std::uint64_t;

  void run();
  void handle_event(std::uint64_t tag, std::uint32_t events);
  void handle_mail(const Mail& mail);
  void handle_timeouts();
  bool is_finished() const;
  int wait_milliseconds() const;

  // Connections (reactor.cc).
  void accept_from(const Listener& listener, Scope scope);
  void shed_connection(const Listener& listener);
  bool make_room();
  void adopt(ScopedFd fd, const sockaddr_storage& client, Scope scope);
  void read_from(Connection& connection);
  void write_to(Connection& connection);
  void client_left(Connection& connection);
  void time_out(Connection& connection);
  void close(Connection& connection);
  void cut(Connection& connection);
  void drain(Connection& connection);
  void set_deadline(Connection& connection, SteadyTime when);
  void watch(Connection& connection);
  void ask(Connection& connection, std::uint32_t wanted);
  void begin_stop();
  void end_all();

  // Requests (request_flow.cc).
  void process_input(Connection& connection);
  bool process_head(Connection& connection);
  bool begin_request(Connection& connection, std::size_t head_size);
  bool apply(Connection& connection, RequestGate::Admission admission);
  bool begin_body(Connection& connection);
  bool process_body(Connection& connection);
  bool process_chunked(Connection& connection);
  bool dispatch(Connection& connection);
  void start_exchange(Connection& connection);
  void verified(Connection& connection, const Mail& mail);
  /// Answers and keeps the connection when the request has no body, else closes it.
  bool refuse(Connection& connection, HttpResponse response);
  /// Answers what is no request, and closes.
  bool reject(Connection& connection, const Rejection& rejection);
  void respond(Connection& connection, std::string_view bytes, bool closes);
  void response_progress(Connection& connection);
  void response_sent(Connection& connection);
  void count(const Connection& connection, int status) const;
  void stream(Connection& connection, const Mail& mail);
  void stream_progress(Connection& connection, std::size_t pending_before);
  void heartbeat(Connection& connection);

  const Limits limits_;
  RequestGate& gate_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::shared_ptr<const ServerMetrics> metrics_;
  const Logger logger_;

  ScopedFd epoll_;
  ScopedFd spare_;  // given up to accept and close a client when there are no descriptors left
  std::vector<std::pair<Listener, Scope>> listeners_;
  std::unordered_map<Id, std::unique_ptr<Connection>> connections_;
  std::vector<Id> doomed_;  // closed in this round, erased at its end
  std::set<std::pair<SteadyTime, Id>> deadlines_;
  Id next_id_;
  Id next_exchange_ = 1;
  SteadyTime now_;
  SteadyTime stop_deadline_ = SteadyTime::max();
  bool stopping_ = false;
  std::atomic<std::int64_t> grace_{0};  // nanoseconds; set before kStop is posted
  std::thread thread_;
};

}  // namespace heal::httpd
