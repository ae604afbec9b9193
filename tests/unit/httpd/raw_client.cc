#include "tests/unit/httpd/raw_client.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/text.h"

namespace heal::httpd::test {
namespace {

constexpr int kPatienceMilliseconds = 20'000;

}  // namespace

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

RawClient::RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

bool RawClient::try_send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void RawClient::send(std::string_view bytes) {
  REQUIRE(try_send(bytes));
}

void RawClient::finish() {
  ::shutdown(fd_.get(), SHUT_WR);
}

bool RawClient::fill() {
  pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&poll, 1, kPatienceMilliseconds) == 1);
  char chunk[16 * 1024];
  const ssize_t count = ::recv(fd_.get(), chunk, sizeof chunk, 0);
  if (count <= 0) return false;
  buffer_.append(chunk, static_cast<std::size_t>(count));
  return true;
}

std::string RawClient::read_until(std::string_view mark) {
  std::size_t end = buffer_.find(mark);
  while (end == std::string::npos) {
    INFO("the connection ended before " << mark << ", after: " << buffer_);
    REQUIRE(fill());
    end = buffer_.find(mark);
  }
  std::string text = buffer_.substr(0, end + mark.size());
  buffer_.erase(0, end + mark.size());
  return text;
}

std::string RawClient::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string RawClient::Reply::header(std::string_view name) const {
  for (const auto line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && to_lower(line.substr(0, colon)) == to_lower(name)) {
      return std::string(trim(line.substr(colon + 1)));
    }
  }
  return "";
}

RawClient::Reply RawClient::read_head_reply() {
  Reply reply;
  for (const char c : read_until("\r\n\r\n")) {
    if (c != '\r') reply.head += c;
  }
  reply.status = static_cast<int>(parse_int(std::string_view(reply.head).substr(9, 3)).value_or(0));
  return reply;
}

RawClient::Reply RawClient::read_reply() {
  Reply reply = read_head_reply();
  const auto length = parse_int(reply.header("Content-Length"));
  if (!length) {
    reply.body = read_to_end();
    return reply;
  }
  while (buffer_.size() < static_cast<std::size_t>(*length))
    REQUIRE(fill());
  reply.body = buffer_.substr(0, static_cast<std::size_t>(*length));
  buffer_.erase(0, static_cast<std::size_t>(*length));
  return reply;
}

RawClient& first_readable(RawClient& one, RawClient& two) {
  std::array<pollfd, 2> polls{{{one.fd(), POLLIN, 0}, {two.fd(), POLLIN, 0}}};
  REQUIRE(::poll(polls.data(), polls.size(), kPatienceMilliseconds) > 0);
  return (polls[0].revents & POLLIN) != 0 ? one : two;
}

RawClient RawClient::ask(std::uint16_t port, std::string_view request_line, std::string_view headers,
                         std::string_view body) {
  RawClient client(port);
  std::string text(request_line);
  text.append(" HTTP/1.1\r\nHost: test\r\nConnection: close\r\n").append(headers);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  client.send(text.append("\r\n").append(body));
  return client;
}

RawClient::Reply RawClient::fetch(std::uint16_t port, std::string_view request_line, std::string_view headers,
                                  std::string_view body) {
  return ask(port, request_line, headers, body).read_reply();
}

}  // namespace heal::httpd::test
