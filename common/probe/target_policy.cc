#include "common/probe/target_policy.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

bool name_matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with("*.")) return name.size() > pattern.size() - 1 && name.ends_with(pattern.substr(1));
  return pattern == name;
}

bool is_name_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

Result<TargetPolicy::Entry> TargetPolicy::parse_entry(std::string_view text) {
  Entry entry;
  std::string host(text);
  // A bare IPv6 address or block has colons but no port.
  const bool bare_v6 = IpNetwork::parse(text).has_value();
  if (!bare_v6 && text.find(':') != std::string_view::npos) {
    HEAL_TRY(HostPort parts, split_host_port(text));
    entry.port = parse_port(parts.port);
    if (!entry.port || *entry.port == 0) {
      return make_error(ErrorCode::kInvalid, "\"{}\" does not end in a port from 1 to 65535", printable(text));
    }
    host = std::move(parts.host);
  }
  Result<IpNetwork> network = IpNetwork::parse(host);
  if (network.has_value()) {
    entry.network = *std::move(network);
    return entry;
  }
  if (host.find('/') != std::string::npos) return std::move(network).error();
  if (!is_name_pattern(host)) {
    return make_error(ErrorCode::kInvalid, "\"{}\" is not a host, *.suffix, address or block of addresses",
                      printable(text));
  }
  entry.host = to_lower(host);
  return entry;
}

Result<TargetPolicy> TargetPolicy::create(const std::vector<std::string>& entries) {
  TargetPolicy policy;
  policy.restricted_ = true;
  for (const std::string& text : entries) {
    HEAL_TRY(Entry entry, parse_entry(text));
    policy.entries_.push_back(std::move(entry));
  }
  return policy;
}

bool TargetPolicy::allows(std::string_view host, const std::optional<IpAddress>& address, std::uint16_t port) const {
  if (!restricted_) return true;
  std::string name = to_lower(host);
  if (name.ends_with('.')) name.pop_back();
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port && *entry.port != port) return false;
    if (entry.network) return address && entry.network->contains(*address);
    return name_matches(entry.host, name);
  });
}

}  // namespace heal::probe
