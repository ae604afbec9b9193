#include "common/httpd/passed_sockets.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::httpd {
namespace {

/// What the environment says of passed sockets; it does not say it a second time.
struct Told {
  std::string pid, count, names;
};

std::string take_variable(const char* name) {
  const char* text = std::getenv(name);
  std::string out = text == nullptr ? "" : text;
  ::unsetenv(name);
  return out;
}

Told take_told() {
  Told told{take_variable("LISTEN_PID"), take_variable("LISTEN_FDS"), take_variable("LISTEN_FDNAMES")};
  ::unsetenv("LISTEN_PIDFDID");  // newer managers name the process twice
  return told;
}

/// How many were passed to this process.
Result<int> count_of(const Told& told, int first) {
  if (told.count.empty() || told.pid.empty())
    return make_error(ErrorCode::kNotFound,
                      "no socket was passed to this process (LISTEN_FDS and LISTEN_PID are not both set): expected a "
                      "start by a .socket unit");
  if (told.pid != std::to_string(::getpid()))
    return make_error(ErrorCode::kNotFound, "no socket was passed to this process: LISTEN_PID is \"{}\", expected {}",
                      printable(told.pid), ::getpid());
  const auto count = parse_int(told.count);
  const long most = ::sysconf(_SC_OPEN_MAX);
  if (!count || *count < 0 || *count > most - first)
    return make_error(ErrorCode::kInvalid, "LISTEN_FDS is \"{}\", expected a number of descriptors",
                      printable(told.count));
  if (*count == 0) return make_error(ErrorCode::kNotFound, "no socket was passed to this process: LISTEN_FDS is 0");
  return static_cast<int>(*count);
}

Result<int> option_of(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return errno_error(errno, "getsockopt");
  return value;
}

Result<PassedSocket> look_at(int fd) {
  HEAL_TRY(const int type, option_of(fd, SO_TYPE));
  HEAL_TRY(const int is_listening, option_of(fd, SO_ACCEPTCONN));
  if (type != SOCK_STREAM || is_listening == 0)
    return make_error(ErrorCode::kInvalid, "expected a stream socket that listens (ListenStream=, Accept=no)");
  HEAL_TRY(std::string address, address_of(fd));
  return PassedSocket{fd, std::move(address)};
}

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets(int first) {
  const Told told = take_told();
  HEAL_TRY(const int count, count_of(told, first));
  // All of them first: an error must not leave one to the children.
  for (int fd = first; fd < first + count; ++fd)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  const auto names = split(told.names, ':');
  std::vector<PassedSocket> out;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::string name = at < names.size() ? std::string(names[at]) : "";
    HEAL_TRY(auto socket,
             look_at(first + i).with_context("passed socket \"{}\" (descriptor {})", printable(name), first + i));
    out.push_back(std::move(socket));
  }
  return out;
}

Result<Listener> adopt_passed_socket(const PassedSocket& socket) {
  Listener listener;
  listener.fd = ScopedFd(socket.fd);
  const int flags = ::fcntl(socket.fd, F_GETFL);
  if (flags < 0 || ::fcntl(socket.fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return errno_error(errno, fmt::format("listen on passed socket {}", socket.address));
  const int on = 1;
  ::setsockopt(socket.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  HEAL_TRY(const ListenAddress address, parse_listen_address(socket.address));
  listener.address = socket.address;
  listener.port = address.port;
  return listener;
}

}  // namespace heal::httpd
