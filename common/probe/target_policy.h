#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/ip_address.h"

namespace heal::probe {

/// `allow_targets:`: what may be probed, so that /probe is no open proxy. An entry is a host name, `*.suffix`, an
/// address or a block of addresses, each with an optional port: `nginx`, `*.example.com:443`, `10.0.0.0/8`,
/// `[fd00::/8]:80`. Names are compared with the target's name, blocks with the address that is really connected to,
/// after resolution and again on every redirect. Immutable.
class TargetPolicy {
 public:
  /// Everything is allowed.
  TargetPolicy() = default;
  /// kInvalid names the first entry that is none.
  static Result<TargetPolicy> create(const std::vector<std::string>& entries);

  /// Whether `host` on `port` may be probed at `address`; without an address (left to a proxy) only names count.
  bool allows(std::string_view host, const std::optional<IpAddress>& address, std::uint16_t port) const;

  bool operator==(const TargetPolicy&) const = default;

 private:
  struct Entry {
    std::string host;  ///< lower case; "*.suffix" for all names below it
    std::optional<IpNetwork> network;
    std::optional<std::uint16_t> port;

    bool operator==(const Entry&) const = default;
  };
  static Result<Entry> parse_entry(std::string_view text);

  bool restricted_ = false;
  std::vector<Entry> entries_;
};

}  // namespace heal::probe
