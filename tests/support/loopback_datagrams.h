#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "common/base/check.h"
#include "common/base/scoped_fd.h"

namespace heal::test {

/// A UDP server on 127.0.0.1: each datagram is answered, from the server's thread, with what a function makes of it.
class LoopbackDatagrams {
 public:
  using Handler = std::function<std::vector<std::string>(const std::string& datagram)>;

  /// On `port`, 0 for a free one.
  explicit LoopbackDatagrams(Handler handler, std::uint16_t port = 0)
      : handler_(std::move(handler)),
        stop_(::eventfd(0, EFD_CLOEXEC)),
        fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    HEAL_CHECK(::bind(fd_.get(), generic, sizeof address) == 0, "a loopback port can be had");
    socklen_t length = sizeof address;
    ::getsockname(fd_.get(), generic, &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~LoopbackDatagrams() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  LoopbackDatagrams(const LoopbackDatagrams&) = delete;
  LoopbackDatagrams& operator=(const LoopbackDatagrams&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void run() {
    std::vector<char> buffer(65536);
    while (true) {
      pollfd fds[2] = {{fd_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) return;
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      auto* generic = reinterpret_cast<sockaddr*>(&from);
      const ssize_t got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, generic, &length);
      if (got < 0) continue;
      for (const std::string& answer : handler_({buffer.data(), static_cast<std::size_t>(got)}))
        ::sendto(fd_.get(), answer.data(), answer.size(), 0, generic, length);
    }
  }

  Handler handler_;
  ScopedFd stop_, fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace heal::test
