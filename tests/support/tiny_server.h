#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"

namespace heal::test {

/// A request as a TinyServer read it.
struct TinyRequest {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;

  std::string header(std::string_view name) const;
  /// The target without its query, and one parameter of the query, percent-decoded; "" when absent.
  std::string path() const;
  std::string param(std::string_view name) const;
};

/// The connection on which a request came. It is closed when its handler returns.
class TinyConnection {
 public:
  explicit TinyConnection(int fd) : fd_(fd) {}

  /// Sends bytes as they are; false when the other side has gone.
  bool send(std::string_view bytes);
  /// Sends a whole answer.
  bool answer(int status, std::string_view body, std::string_view content_type = "application/json");
  /// Blocks until the other side closes, close() is called, or the server is destroyed.
  void wait_closed();
  void close();

 private:
  const int fd_;
};

/// A blocking HTTP server for tests: a thread and one request per connection. Says what it is told, also nonsense.
class TinyServer {
 public:
  using Handler = std::function<void(const TinyRequest&, TinyConnection&)>;

  /// On a free port of 127.0.0.1.
  explicit TinyServer(Handler handler);
  /// On a unix socket.
  TinyServer(const std::string& path, Handler handler);
  /// Closes all connections and waits for all handlers.
  ~TinyServer();
  TinyServer(const TinyServer&) = delete;
  TinyServer& operator=(const TinyServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// `http://127.0.0.1:<port>`.
  std::string url() const;

 private:
  void accept_loop(const std::stop_token& stop);
  void serve(int fd);

  const Handler handler_;
  ScopedFd listener_;
  std::uint16_t port_ = 0;

  Mutex mutex_;
  std::map<int, std::thread> connections_ HEAL_GUARDED_BY(mutex_);  // by descriptor, closed only by the destructor

  std::jthread acceptor_;
};

}  // namespace heal::test
