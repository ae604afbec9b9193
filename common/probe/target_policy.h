#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/ip_address.h"

namespace heal::probe {

/// `allow_targets:` and `deny_targets:`: what may be probed, so that /probe is no open proxy. An entry is a host name,
/// `*.suffix`, an address or a block of addresses, each with an optional port: `nginx`, `*.example.com:443`,
/// `10.0.0.0/8`, `[fd00::/8]:80`; or a unix socket, `/run/app.sock`, `@abstract`. Names are compared with the target's
/// name, blocks with the address that is really connected to, after resolution and again on every redirect. What is
/// denied is denied though it be allowed too. A path cannot be denied: a link or /proc/self/root spells it otherwise.
/// Immutable.
class TargetPolicy {
 public:
  /// Everything is allowed.
  TargetPolicy() = default;
  /// Only what `allowed` holds, less what `denied` holds. kInvalid names the first entry that is none, or a path that
  /// is denied.
  static Result<TargetPolicy> create(const std::vector<std::string>& allowed,
                                     const std::vector<std::string>& denied = {});
  /// Everything but what `denied` holds.
  static Result<TargetPolicy> denying(const std::vector<std::string>& denied);

  /// Everything is allowed.
  bool is_open() const { return !allowed_ && denied_.empty(); }

  /// Why `host` on `port` must not be probed at `address`; nullopt: it may. Without an address (a proxy will choose it)
  /// only names can allow, and a denied block of that port denies. Port 0: there are no ports (ICMP), and entries with
  /// one do not hold.
  std::optional<std::string> refusal(std::string_view host, const std::optional<IpAddress>& address,
                                     std::uint16_t port) const;

  /// The same of a unix socket. Where only some may be probed, its path must be absolute and without `.`, `..` and
  /// repeated slashes, and is compared as it is written: links are not followed.
  std::optional<std::string> refusal_of_socket(std::string_view path) const;

  bool operator==(const TargetPolicy&) const = default;

 private:
  struct Entry {
    std::string socket;  ///< "" unless it is one; nothing else is set then
    std::string host;    ///< lower case; "*.suffix" for all names below it
    std::optional<IpNetwork> network;
    std::optional<std::uint16_t> port;

    bool operator==(const Entry&) const = default;
  };
  static Result<Entry> parse_entry(std::string_view text);
  static Result<std::vector<Entry>> parse_entries(const std::vector<std::string>& texts);
  bool allows(const std::string& name, const std::optional<IpAddress>& address, std::uint16_t port) const;
  bool denies(const std::string& name, const std::optional<IpAddress>& address, std::uint16_t port) const;

  std::optional<std::vector<Entry>> allowed_;
  std::vector<Entry> denied_;
};

}  // namespace heal::probe
