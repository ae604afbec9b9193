#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/port/probe_io.h"
#include "common/probe/cookies.h"
#include "common/probe/run.h"
#include "common/probe/url.h"

namespace heal::probe {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// `user-agent` → `User-Agent`: the spelling in which Go programs send and compare header names; names that are no
/// header names stay as they are.
std::string canonical_header_name(std::string_view name);
/// What probes call themselves. The first word is what blackbox_exporter sends, because access rules of servers know
/// it.
std::string user_agent();
/// All values of a header, name compared without case.
std::vector<std::string_view> header_values(const HeaderList& headers, std::string_view name);

/// The name of the first header whose name or value no request may hold (RFC 9110, 5.5); nullptr when all may be sent.
const std::string* unsendable_header(const HeaderList& headers);

/// Has `hop`, which goes through a proxy, end at the host of the https `url`, whatever host hop.url has for TLS.
void set_tunnel_end(const Url& url, HttpHop& hop);

/// The requests of one redirect chain, without I/O: what to send first, and what to send after an answer. Behaves as
/// Go's http.Client does beneath blackbox_exporter: method and body across redirects, Referer, Host, cookies. One
/// difference: credentials of the module are sent to the target's own host only.
class RequestChain {
 public:
  /// kInvalid when the target or the host name cannot be used.
  static Result<RequestChain> create(const ProbeRequest& request);

  /// Replaces the host of the first URL by the address that was picked.
  void set_first_address(const IpAddress& address);
  /// The Authorization header of the module's credentials; read from files already.
  void set_authorization(std::string value) { authorization_ = std::move(value); }

  /// What `http_headers` adds, secrets and files read already. Those that `own` holds are sent to the target's own host
  /// only.
  void set_injected(HeaderList everywhere, HeaderList own) {
    injected_ = std::move(everywhere);
    injected_own_ = std::move(own);
  }
  /// The body of the first request, read from its file already.
  void set_body(SharedText body) { body_ = std::move(body); }

  /// The URL that is asked for now.
  const Url& url() const { return url_; }
  /// The host that the target names, for resolution and policy.
  const std::string& target_host() const { return target_.host; }
  /// True while the request goes where the first one went.
  bool at_first_host() const { return url_.authority() == first_authority_; }
  const std::string& method() const { return method_; }
  std::size_t redirects() const { return redirects_; }

  /// What to send now through `proxy_url`; without one ("") the address to connect to is left to the caller.
  /// `tells_name`: an HTTP proxy is told the name of an http host as a browser tells it, and finds the address by
  /// itself; else the address that was picked.
  HttpHop hop(const std::string& proxy_url, bool tells_name) const;
  /// Takes the cookies of an answer.
  void take_cookies(const HeaderList& headers);
  /// True when `status` and `headers` ask to go elsewhere.
  static bool is_redirect(int status, const HeaderList& headers);
  /// True when `location` is a URL, seen from the one that was asked for, be it of a scheme that follow() refuses.
  bool reads(std::string_view location) const;
  /// Counts the redirect.
  void count_redirect() { ++redirects_; }
  /// Moves to where the answer points; an Error when that is no http(s) URL.
  Status follow(int status, std::string_view location);

 private:
  explicit RequestChain(const HttpSettings& settings) : settings_(&settings) {}
  /// True while the request goes to the target's own host, by whatever name or address of it.
  bool at_own_host() const;
  void add_sensitive_headers(HeaderList& headers) const;
  void add_injected_headers(HeaderList& headers) const;
  HeaderList headers() const;
  std::string tls_host() const;

  const HttpSettings* settings_;  // the module outlives the run
  Url target_, url_;
  std::string first_authority_, first_host_;
  std::uint16_t first_port_ = 0;
  std::string configured_host_;  ///< of the module or the hostname parameter
  std::string host_header_;
  std::string method_;
  bool send_body_ = true;
  std::string referer_;
  SharedText body_;
  std::string authorization_;
  HeaderList injected_, injected_own_;
  std::size_t redirects_ = 0;
  CookieJar cookies_;
};

}  // namespace heal::probe
