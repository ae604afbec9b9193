#include "common/httpd/listen.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::httpd {
namespace {

constexpr int kBacklog = 4096;

Error bad_address(std::string_view text) {
  return make_error(ErrorCode::kInvalid, "listen address \"{}\": expected host:port, :port, [v6]:port or unix:/path",
                    printable(text));
}

Result<ScopedFd> open_socket(const sockaddr* address, socklen_t size) {
  ScopedFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error(errno, "socket");
  const int on = 1, off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    const bool is_any = std::memcmp(&v6->sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, is_any ? &off : &on, sizeof on);
  }
  if (::bind(fd.get(), address, size) != 0) return errno_error(errno, "bind");
  if (::listen(fd.get(), kBacklog) != 0) return errno_error(errno, "listen");
  return fd;
}

Result<Listener> describe(ScopedFd fd) {
  Listener listener;
  HEAL_TRY(listener.address, address_of(fd.get()));
  HEAL_TRY(const ListenAddress address, parse_listen_address(listener.address));
  listener.port = address.port;
  listener.fd = std::move(fd);
  return listener;
}

// All addresses: one dual-stack socket, or IPv4 alone where the kernel has no IPv6.
Result<Listener> bind_any(std::uint16_t port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  const bool has_v6 = static_cast<bool>(ScopedFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  HEAL_TRY(auto fd, has_v6 ? open_socket(reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                           : open_socket(reinterpret_cast<const sockaddr*>(&v4), sizeof v4));
  return describe(std::move(fd));
}

Result<Listener> bind_tcp(const ListenAddress& address) {
  if (address.host.empty()) return bind_any(address.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (problem != 0) return make_error(ErrorCode::kNotFound, "{}", ::gai_strerror(problem));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const addrinfo* chosen = found;  // IPv4 first where a name has both, as Go does
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  HEAL_TRY(auto fd, open_socket(chosen->ai_addr, chosen->ai_addrlen));
  return describe(std::move(fd));
}

// Unlinks a socket file that nobody listens on.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return make_error(ErrorCode::kConflict, "exists and is not a socket");
  const ScopedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "ask whether somebody listens");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    return make_error(ErrorCode::kConflict, "another process listens on it");
  }
  if (::unlink(path.c_str()) != 0) return errno_error(errno, "unlink");
  return {};
}

Result<Listener> bind_unix(const std::string& path, const UnixAccess& access) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return make_error(ErrorCode::kInvalid, "a unix socket's path has at most {} bytes", sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  HEAL_TRY_STATUS(remove_stale(path, address));
  ScopedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error(errno, "socket");
  ::fchmod(fd.get(), access.mode & 0777);  // the file is never wider open than this, whatever the umask
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error(errno, "bind");
  }
  if (access.group && ::chown(path.c_str(), static_cast<uid_t>(-1), *access.group) != 0) {
    return errno_error(errno, fmt::format("chown to group {}", *access.group));
  }
  if (::chmod(path.c_str(), access.mode & 0777) != 0) return errno_error(errno, "chmod");
  if (::listen(fd.get(), kBacklog) != 0) return errno_error(errno, "listen");
  Listener listener;
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) listener.inode = info.st_ino;
  listener.fd = std::move(fd);
  listener.address = "unix:" + path;
  listener.unix_path = path;
  return listener;
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  if (text.starts_with("unix:")) {
    const auto path = text.substr(5);
    if (path.empty() || path.find('\0') != std::string_view::npos) return bad_address(text);
    return ListenAddress{std::string(path), "", 0};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text);
  auto host = text.substr(0, colon);
  const auto port = parse_int(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return bad_address(text);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(text);
  }
  if (host.find_first_of(" /[]\0") != std::string_view::npos) return bad_address(text);
  return ListenAddress{"", std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<std::string> address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return errno_error(errno, "getsockname");
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(v4->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6->sin6_port));
  }
  if (storage.ss_family != AF_UNIX)
    return make_error(ErrorCode::kInvalid, "expected an IPv4, IPv6 or unix socket, not family {}", storage.ss_family);
  const auto* local = reinterpret_cast<const sockaddr_un*>(&storage);
  const std::size_t length = size - offsetof(sockaddr_un, sun_path);
  // An abstract name begins with a zero byte; it is written with an @, as ss(8) and systemd do.
  if (length > 0 && local->sun_path[0] == '\0') return "unix:@" + std::string(local->sun_path + 1, length - 1);
  return "unix:" + std::string(local->sun_path, ::strnlen(local->sun_path, length));
}

bool is_loopback(const ListenAddress& address) {
  if (!address.unix_path.empty() || address.host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<Listener> bind_listener(const ListenAddress& address, const UnixAccess& access) {
  if (!address.unix_path.empty()) {
    return bind_unix(address.unix_path, access).with_context("listen on unix:{}", address.unix_path);
  }
  return bind_tcp(address).with_context("listen on {}:{}", address.host, address.port);
}

void unlink_listener(const Listener& listener) {
  struct stat info {};
  if (listener.unix_path.empty() || ::lstat(listener.unix_path.c_str(), &info) != 0) return;
  if (info.st_ino == listener.inode) ::unlink(listener.unix_path.c_str());
}

}  // namespace heal::httpd
