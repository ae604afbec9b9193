#include "common/system/probe/socket_address.h"

#include <cstring>
#include <net/if.h>
#include <netinet/in.h>

namespace heal::system {

socklen_t fill_sockaddr(const IpAddress& ip, std::uint16_t port, sockaddr_storage& storage) {
  storage = {};
  if (ip.is_v6()) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    std::memcpy(&in->sin6_addr, ip.bytes.data(), 16);
    if (!ip.zone.empty()) in->sin6_scope_id = if_nametoindex(ip.zone.c_str());
    return sizeof *in;
  }
  auto* in = reinterpret_cast<sockaddr_in*>(&storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  std::memcpy(&in->sin_addr, ip.bytes.data(), 4);
  return sizeof *in;
}

IpAddress address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
    return IpAddress::from_bytes({reinterpret_cast<const char*>(&in->sin6_addr), 16});
  }
  const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
  return IpAddress::from_bytes({reinterpret_cast<const char*>(&in->sin_addr), 4});
}

}  // namespace heal::system
