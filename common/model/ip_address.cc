#include "common/model/ip_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool same_prefix(std::string_view a, std::string_view b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return (static_cast<unsigned char>(a[whole]) & mask) == (static_cast<unsigned char>(b[whole]) & mask);
}

bool bits_behind_are_zero(const IpAddress& address, int bits) {
  const std::string_view raw = address.raw();
  for (int i = bits; i < static_cast<int>(raw.size()) * 8; ++i) {
    if (static_cast<unsigned char>(raw[static_cast<std::size_t>(i / 8)]) & (0x80 >> (i % 8))) return false;
  }
  return true;
}

}  // namespace

IpAddress IpAddress::from_bytes(std::string_view raw) {
  IpAddress address;
  if (raw.size() == 16 && std::memcmp(raw.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0) {
    raw.remove_prefix(kMappedPrefix.size());
  }
  address.family = raw.size() == 16 ? Family::kV6 : Family::kV4;
  std::memcpy(address.bytes.data(), raw.data(), std::min<std::size_t>(raw.size(), 16));
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string host(text.substr(0, percent));
  std::array<char, 16> raw{};
  if (percent == std::string_view::npos && inet_pton(AF_INET, host.c_str(), raw.data()) == 1) {
    return from_bytes({raw.data(), 4});
  }
  if (inet_pton(AF_INET6, host.c_str(), raw.data()) != 1) return std::nullopt;
  IpAddress address = from_bytes({raw.data(), 16});
  if (percent != std::string_view::npos) {
    address.zone = text.substr(percent + 1);
    if (address.zone.empty() || !address.is_v6()) return std::nullopt;
  }
  return address;
}

std::string IpAddress::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v6() ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  std::string result(text.data());
  if (!zone.empty()) result += "%" + zone;
  return result;
}

std::string_view IpAddress::raw() const {
  return {reinterpret_cast<const char*>(bytes.data()), is_v6() ? std::size_t{16} : std::size_t{4}};
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::parse(text.substr(0, slash));
  if (!base || !base->zone.empty()) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not an address block such as 192.0.2.0/24", printable(text));
  }
  const int longest = base->is_v6() ? 128 : 32;
  IpNetwork network{*base, longest};
  if (slash == std::string_view::npos) return network;
  const std::optional<std::int64_t> bits = parse_int(text.substr(slash + 1));
  if (!bits || *bits < 0 || *bits > longest) {
    return make_error(ErrorCode::kInvalid, "\"{}\" has a prefix length that is not 0 to {}", printable(text), longest);
  }
  network.prefix_length = static_cast<int>(*bits);
  if (!bits_behind_are_zero(network.base, network.prefix_length)) {
    return make_error(ErrorCode::kInvalid, "\"{}\" has address bits set behind its prefix length", printable(text));
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  return address.family == base.family && same_prefix(address.raw(), base.raw(), prefix_length);
}

std::string IpNetwork::str() const {
  return fmt::format("{}/{}", base.str(), prefix_length);
}

std::string join_host_port(std::string_view host, std::uint16_t port) {
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace heal
