#include "common/base/host_port.h"

#include "common/base/text.h"

namespace heal {

Result<HostPort> HostPort::parse(std::string_view text) {
  const auto invalid = [&] {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not an address (expected host:port or [IPv6]:port)",
                      printable(text));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid();
  auto host = text.substr(0, colon);
  const auto port = parse_int(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return invalid();
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (host.empty() || has_colon != bracketed || host.find_first_of("[]/@ \t\r\n") != std::string_view::npos ||
      host.find('\0') != std::string_view::npos) {
    return invalid();
  }
  return HostPort{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string HostPort::str() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

}  // namespace heal
