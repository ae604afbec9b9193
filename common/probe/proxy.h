#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/ip_address.h"
#include "common/probe/url.h"

namespace heal::probe {

/// True for a proxy's URL: http://, https:// or socks5:// with a host.
bool is_proxy_url(std::string_view text);

/// Which requests go through which proxy. Immutable value. A list of exceptions (`no_proxy`) is comma separated and
/// read leniently, what cannot be read never holds: `*` is everything, `example.com` that name and all below it,
/// `.example.com` and `*.example.com` those below it only, `10.0.0.1`, `10.0.0.0/8`; names and addresses may end in a
/// port. Where there is a list, and with the environment always, localhost and loopback addresses are exceptions too.
/// Source: golang.org/x/net/http/httpproxy.
class ProxyRules {
 public:
  /// The value of an environment variable; "" when it is not set.
  using Environment = std::function<std::string(const char* name)>;

  /// No proxy.
  ProxyRules() = default;
  /// `url` ("" for none) for every request that `no_proxy` does not name.
  static ProxyRules of(const std::string& url, std::string_view no_proxy);
  /// HTTP_PROXY, HTTPS_PROXY and NO_PROXY, else the same in lower case. A proxy without a scheme is an HTTP proxy.
  /// kInvalid names the variable that holds no proxy's URL; its value, which may hold a password, is not shown.
  static Result<ProxyRules> from_environment(const Environment& environment);

  /// The proxy for a request to `url`, "" for none. `name` is what the host was called before it was resolved: an
  /// exception for it holds, and so does one for the address.
  const std::string& proxy_for(const Url& url, std::string_view name) const;

  bool operator==(const ProxyRules&) const = default;

 private:
  struct Exception {
    std::optional<IpNetwork> network;
    std::string below;      ///< ".example.com"; unless there is a network
    bool is_itself = true;  ///< "example.com", too
    std::string port;       ///< "" for any

    bool operator==(const Exception&) const = default;
  };
  static std::optional<Exception> parse_exception(std::string_view text);
  void add_exceptions(std::string_view no_proxy);
  bool is_exception(std::string_view host, const std::string& port) const;

  std::string http_, https_;
  bool has_exceptions_ = false;  ///< this host is one already
  bool all_ = false;             ///< `*`
  std::vector<Exception> exceptions_;
};

}  // namespace heal::probe
