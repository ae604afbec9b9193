#include "common/probe/target_policy.h"

#include <algorithm>
#include <filesystem>

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

/// Who answers when `address` is connected to: the unspecified address leads to this host.
IpAddress reached_by(const IpAddress& address) {
  const bool unspecified = address.raw().find_first_not_of('\0') == std::string_view::npos;
  if (!unspecified) return address;
  return *IpAddress::parse(address.is_v6() ? "::1" : "127.0.0.1");
}

/// An absolute path, or a name without a file.
bool is_socket(std::string_view text) {
  return text.starts_with('/') || text.starts_with('@');
}

std::string plain_path(std::string_view text) {
  return text.starts_with('@') ? std::string(text) : std::filesystem::path(text).lexically_normal().string();
}

}  // namespace

Result<TargetPolicy::Entry> TargetPolicy::parse_entry(std::string_view text) {
  Entry entry;
  if (is_socket(text)) {
    entry.socket = plain_path(text);
    return entry;
  }
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
  // As in refusal(): the root's dot names the same host.
  if (host.ends_with('.')) host.pop_back();
  Result<IpNetwork> network = IpNetwork::parse(host);
  if (network.has_value()) {
    entry.network = *std::move(network);
    return entry;
  }
  if (host.find('/') != std::string::npos) return std::move(network).error();
  if (!is_name_pattern(host)) {
    return make_error(ErrorCode::kInvalid,
                      "\"{}\" is not a host, *.suffix, address, block of addresses or socket's path", printable(text));
  }
  entry.host = to_lower(host);
  return entry;
}

Result<std::vector<TargetPolicy::Entry>> TargetPolicy::parse_entries(const std::vector<std::string>& texts) {
  std::vector<Entry> entries;
  for (const std::string& text : texts) {
    HEAL_TRY(Entry entry, parse_entry(text));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<TargetPolicy> TargetPolicy::create(const std::vector<std::string>& allowed,
                                          const std::vector<std::string>& denied) {
  HEAL_TRY(TargetPolicy policy, denying(denied));
  HEAL_TRY(policy.allowed_, parse_entries(allowed));
  return policy;
}

Result<TargetPolicy> TargetPolicy::denying(const std::vector<std::string>& denied) {
  TargetPolicy policy;
  HEAL_TRY(policy.denied_, parse_entries(denied));
  for (const Entry& entry : policy.denied_) {
    if (!entry.socket.starts_with('/')) continue;
    return make_error(ErrorCode::kInvalid, "the path \"{}\" cannot be denied: there are other paths to its socket",
                      printable(entry.socket));
  }
  return policy;
}

bool TargetPolicy::allows(const std::string& name, const std::optional<IpAddress>& address, std::uint16_t port) const {
  if (!allowed_) return true;
  return std::any_of(allowed_->begin(), allowed_->end(), [&](const Entry& entry) {
    if (!entry.socket.empty() || (entry.port && *entry.port != port)) return false;
    if (entry.network) return address && entry.network->contains(*address);
    return name_matches(entry.host, name);
  });
}

bool TargetPolicy::denies(const std::string& name, const std::optional<IpAddress>& address, std::uint16_t port) const {
  return std::any_of(denied_.begin(), denied_.end(), [&](const Entry& entry) {
    if (!entry.socket.empty() || (entry.port && *entry.port != port)) return false;
    if (!entry.network) return name_matches(entry.host, name);
    return !address || entry.network->contains(*address) || entry.network->contains(reached_by(*address));
  });
}

std::optional<std::string> TargetPolicy::refusal(std::string_view host, const std::optional<IpAddress>& address,
                                                 std::uint16_t port) const {
  std::string name = to_lower(host);
  if (name.ends_with('.')) name.pop_back();
  const bool denied = denies(name, address, port);
  if (!denied && allows(name, address, port)) return std::nullopt;
  std::string place = address ? address->str() : "an address that a proxy chooses";
  if (address && port != 0) place = join_host_port(place, port);
  return fmt::format("{} {} at {}", denied ? "deny_targets holds" : "allow_targets does not hold", printable(host),
                     place);
}

std::optional<std::string> TargetPolicy::refusal_of_socket(std::string_view path) const {
  const auto is_it = [path](const Entry& entry) { return entry.socket == path; };
  if (std::any_of(denied_.begin(), denied_.end(), is_it)) return fmt::format("deny_targets holds {}", printable(path));
  if (!allowed_) return std::nullopt;
  if (!is_socket(path) || plain_path(path) != path) {
    return fmt::format("the socket's path {} is not absolute and plain", printable(path));
  }
  if (std::any_of(allowed_->begin(), allowed_->end(), is_it)) return std::nullopt;
  return fmt::format("allow_targets does not hold {}", printable(path));
}

}  // namespace heal::probe
