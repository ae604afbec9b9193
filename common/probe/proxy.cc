#include "common/probe/proxy.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::probe {
namespace {

constexpr std::string_view kSocks = "socks5://";

/// `10.1.2.3/8` is the block of 10.0.0.0: the bits behind the length do not count.
std::optional<IpNetwork> block_of(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::optional<IpAddress> base = IpAddress::parse(text.substr(0, slash));
  const std::optional<std::int64_t> length = parse_int(text.substr(slash + 1));
  const int longest = base && base->is_v6() ? 128 : 32;
  if (!base || !base->zone.empty() || !length || *length < 0 || *length > longest) return std::nullopt;
  for (auto bit = static_cast<std::size_t>(*length); bit < static_cast<std::size_t>(longest); ++bit) {
    base->bytes[bit / 8] = static_cast<std::uint8_t>(base->bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  return IpNetwork{*base, static_cast<int>(*length)};
}

bool is_loopback(const IpAddress& address) {
  static const IpNetwork v4 = *IpNetwork::parse("127.0.0.0/8"), v6 = *IpNetwork::parse("::1/128");
  return v4.contains(address) || v6.contains(address);
}

/// The first of two variables that is set, with its name.
std::pair<std::string, std::string> variable(const ProxyRules::Environment& environment, const char* upper,
                                             const char* lower) {
  std::string value = environment(upper);
  if (!value.empty()) return {upper, std::move(value)};
  return {lower, environment(lower)};
}

Result<std::string> proxy_variable(const ProxyRules::Environment& environment, const char* upper, const char* lower) {
  auto [name, value] = variable(environment, upper, lower);
  if (value.empty() || is_proxy_url(value)) return std::move(value);
  if (value.find("://") == std::string::npos && is_proxy_url("http://" + value)) return "http://" + value;
  return make_error(ErrorCode::kInvalid, "the environment's {} must be host:port or a URL of http, https or socks5",
                    name);
}

}  // namespace

bool is_proxy_url(std::string_view text) {
  const bool is_socks = text.starts_with(kSocks);
  return Url::parse(is_socks ? "http://" + std::string(text.substr(kSocks.size())) : std::string(text)).has_value();
}

ProxyRules ProxyRules::of(const std::string& url, std::string_view no_proxy) {
  ProxyRules rules;
  rules.http_ = rules.https_ = url;
  if (!no_proxy.empty()) rules.add_exceptions(no_proxy);
  return rules;
}

Result<ProxyRules> ProxyRules::from_environment(const Environment& environment) {
  ProxyRules rules;
  HEAL_TRY(rules.http_, proxy_variable(environment, "HTTP_PROXY", "http_proxy"));
  HEAL_TRY(rules.https_, proxy_variable(environment, "HTTPS_PROXY", "https_proxy"));
  rules.add_exceptions(variable(environment, "NO_PROXY", "no_proxy").second);
  return rules;
}

std::optional<ProxyRules::Exception> ProxyRules::parse_exception(std::string_view text) {
  if (const std::optional<IpNetwork> block = block_of(text)) return Exception{block, "", true, ""};
  std::string host(text), port;
  if (Result<HostPort> parts = split_host_port(text); parts.has_value()) {
    host = std::move(parts->host);
    port = std::move(parts->port);
  }
  if (host.empty()) return std::nullopt;
  if (const std::optional<IpAddress> address = IpAddress::parse(host); address && address->zone.empty()) {
    return Exception{IpNetwork{*address, address->is_v6() ? 128 : 32}, "", true, std::move(port)};
  }
  if (host.starts_with("*.")) host.erase(0, 1);
  const bool is_itself = !host.starts_with('.');
  return Exception{std::nullopt, is_itself ? "." + host : host, is_itself, std::move(port)};
}

void ProxyRules::add_exceptions(std::string_view no_proxy) {
  has_exceptions_ = true;
  for (const std::string_view part : split(no_proxy, ',')) {
    const std::string text = to_lower(trim(part));
    all_ = all_ || text == "*";
    if (std::optional<Exception> exception = parse_exception(text)) exceptions_.push_back(*std::move(exception));
  }
}

bool ProxyRules::is_exception(std::string_view host, const std::string& port) const {
  const std::string name = to_lower(host);
  const std::optional<IpAddress> address = IpAddress::parse(name);
  if (name == "localhost" || all_ || (address && is_loopback(*address))) return true;
  return std::any_of(exceptions_.begin(), exceptions_.end(), [&](const Exception& exception) {
    if (!exception.port.empty() && exception.port != port) return false;
    if (exception.network) return address && exception.network->contains(*address);
    const bool is_itself = exception.is_itself && name == std::string_view(exception.below).substr(1);
    return !address && (is_itself || name.ends_with(exception.below));
  });
}

const std::string& ProxyRules::proxy_for(const Url& url, std::string_view name) const {
  static const std::string none;
  const std::string& proxy = url.scheme == "https" ? https_ : http_;
  if (!has_exceptions_) return proxy;
  const std::string port = std::to_string(url.effective_port());
  return is_exception(url.host, port) || is_exception(name, port) ? none : proxy;
}

}  // namespace heal::probe
