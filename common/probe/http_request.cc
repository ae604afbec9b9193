#include "common/probe/http_request.h"

#include <algorithm>

#include "common/base/base64.h"
#include "common/base/text.h"
#include "heal_version.h"

namespace heal::probe {
namespace {

bool is_token_char(unsigned char c) {
  return std::isalnum(c) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_sensitive(std::string_view canonical_name) {
  return canonical_name == "Authorization" || canonical_name == "Www-Authenticate" || canonical_name == "Cookie" ||
         canonical_name == "Cookie2";
}

/// What Go writes by itself, whatever a module says.
bool is_left_out(std::string_view canonical_name) {
  return canonical_name == "Host" || canonical_name == "Content-Length" || canonical_name == "Transfer-Encoding" ||
         canonical_name == "Trailer";
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// The URL as blackbox_exporter reads a target: without a scheme it is http.
std::string with_scheme(const std::string& target) {
  if (target.starts_with("http://") || target.starts_with("https://")) return target;
  return "http://" + target;
}

}  // namespace

std::string user_agent() {
  return fmt::format("Blackbox Exporter/0.23.0 (compatible; heal-exporter/{})", kVersion);
}

std::string canonical_header_name(std::string_view name) {
  if (!std::all_of(name.begin(), name.end(), [](char c) { return is_token_char(static_cast<unsigned char>(c)); })) {
    return std::string(name);
  }
  std::string canonical(name);
  bool upper = true;
  for (char& c : canonical) {
    c = static_cast<char>(upper ? std::toupper(static_cast<unsigned char>(c))
                                : std::tolower(static_cast<unsigned char>(c)));
    upper = c == '-';
  }
  return canonical;
}

const std::string* unsendable_header(const HeaderList& headers) {
  const auto is_good = [](const auto& header) {
    const auto& [name, value] = header;
    const auto in_token = [](char c) { return is_token_char(static_cast<unsigned char>(c)); };
    std::string visible = value;
    std::erase(visible, '\t');
    return !name.empty() && std::all_of(name.begin(), name.end(), in_token) && !has_control_character(visible);
  };
  const auto bad = std::find_if_not(headers.begin(), headers.end(), is_good);
  return bad == headers.end() ? nullptr : &bad->first;
}

std::vector<std::string_view> header_values(const HeaderList& headers, std::string_view name) {
  std::vector<std::string_view> values;
  const std::string wanted = to_lower(name);
  for (const auto& [key, value] : headers) {
    if (to_lower(key) == wanted) values.push_back(value);
  }
  return values;
}

void set_tunnel_end(const Url& url, HttpHop& hop) {
  if (const std::optional<IpAddress> address = IpAddress::parse(url.host)) {
    hop.connect_to = SocketAddress{*address, url.effective_port()};
  } else {
    hop.connect_name = url.host;
  }
}

Result<RequestChain> RequestChain::create(const ProbeRequest& request) {
  const HttpSettings& settings = request.module->http;
  RequestChain chain(settings);
  HEAL_TRY(chain.target_, Url::parse(with_scheme(request.target)));
  chain.url_ = chain.target_;
  for (const auto& [name, value] : settings.headers) {
    if (canonical_header_name(name) == "Host") chain.configured_host_ = value;
  }
  HEAL_TRY_STATUS(check_hostname(request.hostname));
  if (!request.hostname.empty()) chain.configured_host_ = request.hostname;
  if (has_control_character(chain.configured_host_)) {
    return Error(ErrorCode::kInvalid, "the host name holds a control character");
  }
  chain.host_header_ = chain.configured_host_.empty() ? chain.target_.authority() : chain.configured_host_;
  chain.method_ = settings.method;
  chain.body_ = settings.body;
  chain.first_authority_ = chain.url_.authority();
  chain.first_host_ = chain.url_.host;
  chain.first_port_ = chain.url_.effective_port();
  return chain;
}

void RequestChain::set_first_address(const IpAddress& address) {
  url_.host = address.str();
  first_authority_ = url_.authority();
  first_host_ = url_.host;
}

std::string RequestChain::tls_host() const {
  if (!at_first_host()) return url_.host;
  const std::string& name = settings_->tls.server_name.empty() ? configured_host_ : settings_->tls.server_name;
  if (name.empty()) return target_.host;
  // No certificate is for a name with a port; but nobody may be asking for one.
  return settings_->tls.insecure_skip_verify ? name.substr(0, name.find(':')) : name;
}

bool RequestChain::at_own_host() const {
  // Go compares with the host of the first URL, which is the picked address; the target's own name is as good.
  return url_.host == first_host_ || url_.host == target_.host;
}

void RequestChain::add_sensitive_headers(HeaderList& headers) const {
  if (!at_own_host()) return;
  for (const auto& [name, value] : settings_->headers) {
    const std::string canonical = canonical_header_name(name);
    if (is_sensitive(canonical) && url_.effective_port() == first_port_) headers.emplace_back(canonical, value);
  }
  if (settings_->oauth2 && !authorization_.empty()) {
    std::erase_if(headers, [](const auto& header) { return header.first == "Authorization"; });
    headers.emplace_back("Authorization", authorization_);
  }
  if (!header_values(headers, "Authorization").empty()) return;
  // As in Go, what the URL says wins over the module.
  if (url_.userinfo.empty()) {
    if (!authorization_.empty()) headers.emplace_back("Authorization", authorization_);
  } else {
    const std::size_t colon = url_.userinfo.find(':');
    const std::string user = percent_decoded(url_.userinfo.substr(0, colon)).value_or("");
    const std::string password =
        colon == std::string::npos ? "" : percent_decoded(url_.userinfo.substr(colon + 1)).value_or("");
    headers.emplace_back("Authorization", "Basic " + base64(user + ":" + password));
  }
}

void RequestChain::add_injected_headers(HeaderList& headers) const {
  for (const auto& [name, value] : injected_) {
    if (!is_left_out(name) && (!is_sensitive(name) || at_own_host())) headers.emplace_back(name, value);
  }
  if (!at_own_host()) return;
  for (const auto& [name, value] : injected_own_) {
    if (!is_left_out(name)) headers.emplace_back(name, value);
  }
}

HeaderList RequestChain::headers() const {
  HeaderList headers{{"Host", host_header_}};
  for (const auto& [name, value] : settings_->headers) {
    const std::string canonical = canonical_header_name(name);
    if (!is_left_out(canonical) && !is_sensitive(canonical)) headers.emplace_back(canonical, value);
  }
  add_sensitive_headers(headers);
  if (header_values(headers, "User-Agent").empty()) headers.emplace_back("User-Agent", user_agent());
  std::erase_if(headers, [](const auto& header) { return header.first == "User-Agent" && header.second.empty(); });
  if (!referer_.empty()) {
    std::erase_if(headers, [](const auto& header) { return header.first == "Referer"; });
    headers.emplace_back("Referer", referer_);
  }
  if (const std::string cookies = cookies_.header_for(url_); !cookies.empty()) {
    const auto it = std::find_if(headers.begin(), headers.end(), [](const auto& h) { return h.first == "Cookie"; });
    if (it != headers.end()) {
      it->second += "; " + cookies;
    } else {
      headers.emplace_back("Cookie", cookies);
    }
  }
  add_injected_headers(headers);
  return headers;
}

HttpHop RequestChain::hop(const std::string& proxy_url, bool tells_name) const {
  HttpHop hop;
  hop.method = method_;
  hop.headers = headers();
  if (send_body_ && !body_.empty()) {
    hop.body = body_;
  } else if (method_ == "POST" || method_ == "PUT" || method_ == "PATCH") {
    hop.headers.emplace_back("Content-Length", "0");
  }
  hop.headers.emplace_back("Connection", "close");
  Url url = url_;
  // The host of an https URL is the name that is verified; the connection goes to the address all the same.
  if (url.scheme == "https") url.host = tls_host();
  url.port = url_.effective_port();
  hop.url = url_.scheme == "https" ? url.str() : url_.str();
  const bool by_http_proxy = !proxy_url.empty() && !proxy_url.starts_with("socks5://");
  if (by_http_proxy && tells_name && url_.scheme == "http") hop.url = "http://" + host_header_ + url_.path_and_query;
  hop.tls = settings_->tls;
  hop.versions = settings_->enable_http2 ? HttpHop::Versions::kHttp1And2 : HttpHop::Versions::kHttp1;
  if (proxy_url.empty()) return hop;
  hop.proxy_url = proxy_url;
  if (url_.scheme != "https") return hop;
  // They are for the proxy alone; what is not tunnelled, the proxy would pass on.
  hop.proxy_headers = settings_->proxy.connect_headers;
  set_tunnel_end(url_, hop);
  return hop;
}

void RequestChain::take_cookies(const HeaderList& headers) {
  for (const std::string_view value : header_values(headers, "Set-Cookie"))
    cookies_.store(url_, value);
}

bool RequestChain::is_redirect(int status, const HeaderList& headers) {
  const bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (!moved) return false;
  const std::vector<std::string_view> locations = header_values(headers, "Location");
  return !locations.empty() && !locations.front().empty();
}

bool RequestChain::reads(std::string_view location) const {
  const Result<Url> next = url_.resolve(location);
  return next.has_value() || next.error().code() == ErrorCode::kRefused;
}

Status RequestChain::follow(int status, std::string_view location) {
  HEAL_TRY(Url next, url_.resolve(location));
  if (status == 301 || status == 302 || status == 303) {
    if (method_ != "GET" && method_ != "HEAD") method_ = "GET";
    send_body_ = false;
  }
  const bool leaves_tls = url_.scheme == "https" && next.scheme == "http";
  referer_ = leaves_tls ? "" : url_.str();
  // A Host of ours stays as long as redirects are relative.
  const bool relative = location.find("://") == std::string_view::npos && !location.starts_with("//");
  if (!relative) host_header_ = next.authority();
  url_ = std::move(next);
  return {};
}

}  // namespace heal::probe
