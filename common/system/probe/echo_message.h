#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/model/ip_address.h"
#include "common/model/probe_failure.h"

namespace heal::system {

/// The bytes of an echo request. The checksum is filled in for IPv4; for IPv6 the kernel does it. Source: RFC 792,
/// 4443.
std::string echo_request_bytes(IpAddress::Family family, std::uint16_t id, std::uint16_t sequence,
                               std::string_view payload);

/// What one ICMP message says about an echo request. The views point into the message.
struct EchoNews {
  enum class Kind {
    kNothing,      ///< it is about something else, or broken
    kReply,        ///< the request came back
    kUndelivered,  ///< somebody on the way says that it did not arrive
  };
  Kind kind = Kind::kNothing;
  std::uint16_t id = 0, sequence = 0;
  std::string_view payload;          ///< of a reply
  std::optional<IpAddress> sent_to;  ///< of what was not delivered
  ProbeReason reason{};              ///< why not
  std::string_view why;              ///< the same in words
};

/// Reads an ICMP message without its IP header. Any bytes may come.
EchoNews read_echo_news(IpAddress::Family family, std::string_view message);
/// What is behind an IPv4 header; nullopt when it is none, or not of ICMP.
std::optional<std::string_view> behind_ipv4_header(std::string_view packet);

}  // namespace heal::system
