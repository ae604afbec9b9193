#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/scoped_fd.h"

namespace heal::httpd {

/// A listen address as a flag has it.
struct ListenAddress {
  std::string unix_path;  ///< not empty: a unix socket
  std::string host;       ///< "" for all addresses, IPv6 without brackets
  std::uint16_t port = 0;

  bool operator==(const ListenAddress&) const = default;
};

/// `host:port`, `:port`, `[::1]:port` or `unix:/path`.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// Where socket `fd` listens, as parse_listen_address() takes it.
Result<std::string> address_of(int fd);

/// True for a unix socket, localhost, 127.0.0.0/8 and ::1.
bool is_loopback(const ListenAddress& address);

/// A bound, listening, non-blocking socket.
struct Listener {
  ScopedFd fd;
  std::string address;     ///< with the port that was really taken
  std::uint16_t port = 0;  ///< 0 for a unix socket
  std::string unix_path;   ///< to be unlinked in the end, if it is still ours
  std::uint64_t inode = 0;
};

/// Who may use a unix socket: its file's mode, and its group (absent: the process's own).
struct UnixAccess {
  std::uint32_t mode = 0660;
  std::optional<std::uint32_t> group;
};

/// Binds. A unix socket file that nobody listens on any more is replaced, one that is in use is an error. SO_REUSEADDR
/// only: with SO_REUSEPORT a second instance would take the same port in silence.
Result<Listener> bind_listener(const ListenAddress& address, const UnixAccess& access);

/// Removes the file of a unix socket, if it is still the one that was bound.
void unlink_listener(const Listener& listener);

}  // namespace heal::httpd
