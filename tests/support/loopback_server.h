#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"

namespace heal::test {

/// A TCP server on 127.0.0.1, or one on a unix socket, whose every connection is handled by a function on a thread of
/// its own; the connection is closed when the function returns. The destructor cuts all connections and waits for the
/// functions.
class LoopbackServer {
 public:
  using Handler = std::function<void(int fd)>;

  explicit LoopbackServer(Handler handler) : handler_(std::move(handler)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    HEAL_CHECK(::bind(listener_.get(), generic, sizeof address) == 0, "a loopback port can be had");
    HEAL_CHECK(::listen(listener_.get(), 512) == 0, "it can be listened on");
    socklen_t length = sizeof address;
    ::getsockname(listener_.get(), generic, &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  /// At `path`, which has no file when it begins with '@'.
  LoopbackServer(const std::string& path, Handler handler) : handler_(std::move(handler)) {
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    HEAL_CHECK(path.size() < sizeof address.sun_path, "a socket's path is short");
    path.copy(address.sun_path, path.size());
    const bool is_abstract = path.starts_with('@');
    if (is_abstract) address.sun_path[0] = '\0';
    const std::size_t length = offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1);
    const int bound = ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(length));
    HEAL_CHECK(bound == 0, "a unix socket can be had");
    HEAL_CHECK(::listen(listener_.get(), 512) == 0, "it can be listened on");
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LoopbackServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    {
      MutexLock lock(mutex_);
      for (Connection& connection : connections_)
        ::shutdown(connection.fd.get(), SHUT_RDWR);
    }
    for (Connection& connection : connections_)
      connection.thread.join();
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path = "/") const { return "http://" + address() + path; }

 private:
  struct Connection {
    ScopedFd fd;
    std::thread thread;
  };

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 && errno == EINTR) continue;
      if (fd < 0) return;
      MutexLock lock(mutex_);
      Connection& connection = connections_.emplace_back();
      connection.fd.reset(fd);
      connection.thread = std::thread([this, fd] {
        // OpenSSL writes without MSG_NOSIGNAL.
        sigset_t broken_pipe;
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
        handler_(fd);
        // Only the write side: the descriptor itself must stay ours until the thread was joined.
        ::shutdown(fd, SHUT_RDWR);
      });
    }
  }

  Handler handler_;
  ScopedFd listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  Mutex mutex_;
  std::list<Connection> connections_;
};

/// False when the other side is gone.
inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Reads up to the end of an HTTP head; what was read is given back, a body only as far as it came along.
inline std::string read_head(int fd) {
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

/// Reads and drops until the other side closes.
inline void read_to_end(int fd) {
  char buffer[65536];
  while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
  }
}

/// `HTTP/1.1 <status>` with these headers (each ended by CRLF) and this body.
inline std::string http_answer(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A server that answers every request with `answer`, made from the request's head.
inline LoopbackServer::Handler http_handler(std::function<std::string(const std::string& head)> answer) {
  return [answer = std::move(answer)](int fd) {
    const std::string head = read_head(fd);
    if (head.empty()) return;
    send_all(fd, answer(head));
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  };
}

}  // namespace heal::test
