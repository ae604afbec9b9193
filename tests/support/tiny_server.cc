#include "tests/support/tiny_server.h"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/check.h"
#include "common/base/text.h"

namespace heal::test {
namespace {

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<TinyRequest> read_request(int fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  std::size_t head_end = std::string::npos;
  std::size_t wanted = 0;
  TinyRequest request;
  for (;;) {
    if (head_end != std::string::npos && text.size() >= wanted) break;
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return std::nullopt;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (head_end != std::string::npos || (head_end = text.find("\r\n\r\n")) == std::string::npos) continue;
    const std::string_view head = std::string_view(text).substr(0, head_end);
    const auto lines = split(head, '\n');
    const auto words = split(trim(lines[0]), ' ');
    if (words.size() != 3) return std::nullopt;
    request.method = words[0];
    request.target = words[1];
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const auto colon = lines[i].find(':');
      if (colon == std::string_view::npos) continue;
      request.headers.emplace_back(to_lower(lines[i].substr(0, colon)), trim(lines[i].substr(colon + 1)));
    }
    wanted = head_end + 4 + static_cast<std::size_t>(parse_int(request.header("content-length")).value_or(0));
  }
  request.body = text.substr(head_end + 4);
  return request;
}

}  // namespace

std::string TinyRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "";
}

std::string TinyRequest::path() const {
  return percent_decoded(std::string_view(target).substr(0, target.find('?')));
}

std::string TinyRequest::param(std::string_view name) const {
  const auto question = target.find('?');
  if (question == std::string::npos) return "";
  for (const std::string_view pair : split(std::string_view(target).substr(question + 1), '&')) {
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? "" : percent_decoded(pair.substr(equals + 1));
  }
  return "";
}

bool TinyConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool TinyConnection::answer(int status, std::string_view body, std::string_view content_type) {
  const bool has_body = status != 204 && status != 304;
  std::string text = fmt::format("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", status);
  if (has_body) text += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", content_type, body.size());
  text += "\r\n";
  if (has_body) text += body;
  return send(text);
}

void TinyConnection::wait_closed() {
  std::array<char, 1024> buffer{};
  while (recv(fd_, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void TinyConnection::close() {
  shutdown(fd_, SHUT_RDWR);
}

TinyServer::TinyServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ScopedFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  HEAL_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0, "a free port can be bound");
  HEAL_CHECK(listen(listener_.get(), 64) == 0, "a socket can listen");
  HEAL_CHECK(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "it has a port");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_loop(stop); });
}

TinyServer::TinyServer(const std::string& path, Handler handler) : handler_(std::move(handler)) {
  listener_ = ScopedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  HEAL_CHECK(path.size() < sizeof(address.sun_path), "the path fits a socket's address");
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  HEAL_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
             "the socket can be made");
  HEAL_CHECK(listen(listener_.get(), 64) == 0, "a socket can listen");
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_loop(stop); });
}

TinyServer::~TinyServer() {
  acceptor_.request_stop();
  shutdown(listener_.get(), SHUT_RDWR);  // makes accept() return
  acceptor_.join();
  std::map<int, std::thread> connections;
  {
    MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  for (auto& [fd, thread] : connections)
    shutdown(fd, SHUT_RDWR);
  for (auto& [fd, thread] : connections) {
    thread.join();
    ::close(fd);
  }
}

std::string TinyServer::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

void TinyServer::accept_loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    MutexLock lock(mutex_);
    connections_.emplace(fd, std::thread([this, fd] { serve(fd); }));
  }
}

void TinyServer::serve(int fd) {
  if (const auto request = read_request(fd)) {
    TinyConnection connection(fd);
    handler_(*request, connection);
  }
  shutdown(fd, SHUT_RDWR);
}

}  // namespace heal::test
