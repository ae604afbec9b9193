#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal {

/// An IPv4 or IPv6 address. An IPv4 address inside IPv6 (`::ffff:1.2.3.4`) is held as IPv4.
struct IpAddress {
  enum class Family { kV4, kV6 };
  Family family = Family::kV4;
  std::array<std::uint8_t, 16> bytes{};  ///< network order; IPv4 uses the first four
  std::string zone;                      ///< IPv6 scope, "" for none

  /// Parses `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`; nullopt for anything else (brackets, ports, names).
  static std::optional<IpAddress> parse(std::string_view text);
  /// From 4 or 16 bytes in network order.
  static IpAddress from_bytes(std::string_view raw);
  std::string str() const;
  /// The 4 or 16 bytes in network order.
  std::string_view raw() const;
  bool is_v6() const { return family == Family::kV6; }

  bool operator==(const IpAddress&) const = default;
};

/// A block of addresses, `192.0.2.0/24`. A single address is a block of its full length.
struct IpNetwork {
  IpAddress base;
  int prefix_length = 32;

  /// kInvalid when the address, the length, or a bit behind the length is wrong.
  static Result<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string str() const;

  bool operator==(const IpNetwork&) const = default;
};

/// `host:port` with brackets around a host that holds a colon.
std::string join_host_port(std::string_view host, std::uint16_t port);

}  // namespace heal
