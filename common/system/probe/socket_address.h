#pragma once

#include <cstdint>
#include <sys/socket.h>

#include "common/model/ip_address.h"

namespace heal::system {

/// `ip` and `port` as the kernel takes them, the zone as its interface's number; gives the length.
socklen_t fill_sockaddr(const IpAddress& ip, std::uint16_t port, sockaddr_storage& storage);
/// The address of what the kernel gave, without its zone.
IpAddress address_of(const sockaddr_storage& storage);

}  // namespace heal::system
