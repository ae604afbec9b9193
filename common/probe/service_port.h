#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace heal::probe {

enum class PortTransport { kTcp, kUdp };

/// The port that `name` has in the text of a services(5) file, aliases included and letters' case aside.
std::optional<std::uint16_t> service_port(std::string_view services, std::string_view name, PortTransport transport);

/// A decimal port from 0 to 65535, or the name of one from /etc/services, as Go's dialer reads it. Without that file
/// the best-known names are known all the same.
std::optional<std::uint16_t> port_of(std::string_view text, PortTransport transport);

}  // namespace heal::probe
