#include "common/system/probe/echo_message.h"

#include <netinet/in.h>

namespace heal::system {
namespace {

constexpr std::size_t kIcmpHeader = 8, kIpv4Header = 20, kIpv6Header = 40;
constexpr int kReplyV4 = 0, kUnreachableV4 = 3, kRequestV4 = 8, kTimeExceededV4 = 11, kFragmentationNeeded = 4;
constexpr int kUnreachableV6 = 1, kTooBigV6 = 2, kTimeExceededV6 = 3, kRequestV6 = 128, kReplyV6 = 129;

int byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::uint16_t word_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint16_t>(byte_at(bytes, i) << 8 | byte_at(bytes, i + 1));
}

void put_word(std::string& bytes, std::size_t i, unsigned value) {
  bytes[i] = static_cast<char>(value >> 8U);
  bytes[i + 1] = static_cast<char>(value & 0xffU);
}

/// Source: RFC 1071.
unsigned internet_checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += word_at(bytes, i);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(byte_at(bytes, bytes.size() - 1)) << 8U;
  while (sum >> 16U != 0)
    sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

/// The echo request in the packet that an error message carries a part of.
EchoNews undelivered(IpAddress::Family family, std::string_view original, ProbeReason reason, std::string_view why) {
  const bool v6 = family == IpAddress::Family::kV6;
  std::string_view destination, icmp;
  if (v6) {
    if (original.size() < kIpv6Header + kIcmpHeader || byte_at(original, 6) != IPPROTO_ICMPV6) return {};
    destination = original.substr(24, 16);
    icmp = original.substr(kIpv6Header);
  } else {
    const std::optional<std::string_view> behind = behind_ipv4_header(original);
    if (!behind || behind->size() < kIcmpHeader) return {};
    destination = original.substr(16, 4);
    icmp = *behind;
  }
  if (byte_at(icmp, 0) != (v6 ? kRequestV6 : kRequestV4)) return {};
  return {EchoNews::Kind::kUndelivered,
          word_at(icmp, 4),
          word_at(icmp, 6),
          {},
          IpAddress::from_bytes(destination),
          reason,
          why};
}

}  // namespace

std::string echo_request_bytes(IpAddress::Family family, std::uint16_t id, std::uint16_t sequence,
                               std::string_view payload) {
  const bool v6 = family == IpAddress::Family::kV6;
  std::string bytes(kIcmpHeader, '\0');
  bytes[0] = static_cast<char>(v6 ? kRequestV6 : kRequestV4);
  put_word(bytes, 4, id);
  put_word(bytes, 6, sequence);
  bytes += payload;
  if (!v6) put_word(bytes, 2, internet_checksum(bytes));
  return bytes;
}

EchoNews read_echo_news(IpAddress::Family family, std::string_view message) {
  if (message.size() < kIcmpHeader) return {};
  const bool v6 = family == IpAddress::Family::kV6;
  const int type = byte_at(message, 0), code = byte_at(message, 1);
  const std::string_view rest = message.substr(kIcmpHeader);
  if (type == (v6 ? kReplyV6 : kReplyV4)) {
    if (code != 0) return {};
    return {EchoNews::Kind::kReply, word_at(message, 4), word_at(message, 6), rest, std::nullopt, {}, {}};
  }
  if (v6 ? type == kTooBigV6 : type == kUnreachableV4 && code == kFragmentationNeeded) {
    return undelivered(family, rest, ProbeReason::kTooLarge, "the packet is too large for the way");
  }
  if (type == (v6 ? kUnreachableV6 : kUnreachableV4)) {
    return undelivered(family, rest, ProbeReason::kUnreachable, "the destination is unreachable");
  }
  if (type == (v6 ? kTimeExceededV6 : kTimeExceededV4)) {
    return undelivered(family, rest, ProbeReason::kUnreachable, "the hop limit was used up");
  }
  return {};
}

std::optional<std::string_view> behind_ipv4_header(std::string_view packet) {
  if (packet.size() < kIpv4Header || byte_at(packet, 0) >> 4 != 4 || byte_at(packet, 9) != IPPROTO_ICMP) {
    return std::nullopt;
  }
  const auto length = static_cast<std::size_t>(byte_at(packet, 0) & 0xf) * 4;
  if (length < kIpv4Header || length > packet.size()) return std::nullopt;
  return packet.substr(length);
}

}  // namespace heal::system
