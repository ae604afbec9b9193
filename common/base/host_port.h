#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace heal {

/// A place to connect to.
struct HostPort {
  std::string host;  ///< a name or an address, an IPv6 one without brackets
  std::uint16_t port = 0;

  /// `host:port` or `[v6]:port`; kInvalid for anything else, port 0 included.
  static Result<HostPort> parse(std::string_view text);
  std::string str() const;

  bool operator==(const HostPort&) const = default;
};

}  // namespace heal
