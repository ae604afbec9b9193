#include "common/system/fault_holder/http_answers.h"

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace heal {
namespace {

constexpr int kThreads = 8;
constexpr std::size_t kLongestHead = 65536;
constexpr timeval kPatience{2, 0};
constexpr auto kBreath = std::chrono::milliseconds(50);
constexpr int kMostParts = 16;  // of a body that nobody reads

/// On all addresses of both families where there is IPv6, of IPv4 elsewhere.
ScopedFd listen_anywhere() {
  for (const int family : {AF_INET6, AF_INET}) {
    ScopedFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int off = 0;
    if (!socket) continue;
    if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    sockaddr_storage any{};
    any.ss_family = static_cast<sa_family_t>(family);
    const socklen_t size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    const bool is_good =
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), size) == 0 && ::listen(socket.get(), 512) == 0;
    if (is_good) return socket;
  }
  return {};
}

std::uint16_t port_of(int socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  // The port is at the same place in both families.
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin6_port);
}

/// Reads up to the end of a request's head; a body is not waited for.
void read_head(int connection) {
  std::string head;
  char part[4096];
  while (head.size() < kLongestHead && head.find("\r\n\r\n") == std::string::npos) {
    const auto got = ::recv(connection, part, sizeof part, 0);
    if (got <= 0) return;
    head.append(part, static_cast<std::size_t>(got));
  }
}

}  // namespace

HttpAnswers::HttpAnswers(ScopedFd listener, std::uint16_t port, int status)
    : listener_(std::move(listener)),
      port_(port),
      answer_(fmt::format("HTTP/1.1 {} Simulated Fault\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n"
                          "Connection: close\r\n\r\nsimulated fault\n",
                          status)) {
  try {
    for (int i = 0; i < kThreads; ++i)
      threads_.emplace_back([this] { serve(); });
  } catch (...) {  // no thread to spare
    end();
    throw;
  }
}

HttpAnswers::~HttpAnswers() {
  end();
}

/// Wakes whoever waits for a client, and the next accept() fails.
void HttpAnswers::end() const {
  ::shutdown(listener_.get(), SHUT_RDWR);
}

Result<std::unique_ptr<HttpAnswers>> HttpAnswers::start(int status) {
  ScopedFd listener = listen_anywhere();
  const std::uint16_t port = listener ? port_of(listener.get()) : std::uint16_t{0};
  if (port == 0) return errno_error(errno, "listen in the container's network");
  return std::unique_ptr<HttpAnswers>(new HttpAnswers(std::move(listener), port, status));
}

void HttpAnswers::serve() {
  for (;;) {
    const ScopedFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      answer(connection.get());
    } else if (errno == EINVAL || errno == EBADF) {  // it was shut down
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {  // no file or memory to spare: the others end some
      std::this_thread::sleep_for(kBreath);
    }
  }
}

void HttpAnswers::answer(int connection) const {
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  read_head(connection);
  if (::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL) <= 0) return;
  ::shutdown(connection, SHUT_WR);
  // What is left unread would make the kernel reset the connection, and the answer be lost.
  char rest[4096];
  for (int parts = 0; parts < kMostParts; ++parts) {
    if (::recv(connection, rest, sizeof rest, 0) <= 0) return;
  }
}

}  // namespace heal
