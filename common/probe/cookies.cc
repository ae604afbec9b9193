#include "common/probe/cookies.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/model/ip_address.h"

namespace heal::probe {
namespace {

constexpr std::size_t kMaxCookies = 100;

std::string path_of(const Url& url) {
  return url.path_and_query.substr(0, url.path_and_query.find('?'));
}

/// RFC 6265, 5.1.4.
std::string default_path(const Url& url) {
  const std::string path = path_of(url);
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool domain_covers(std::string_view domain, std::string_view host) {
  if (host == domain) return true;
  return !IpAddress::parse(host) && host.size() > domain.size() && host.ends_with(domain) &&
         host[host.size() - domain.size() - 1] == '.';
}

bool path_covers(std::string_view cookie_path, std::string_view path) {
  if (!path.starts_with(cookie_path)) return false;
  return path.size() == cookie_path.size() || cookie_path.ends_with('/') || path[cookie_path.size()] == '/';
}

/// What may be sent back: a control character could end the header.
bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f;
  });
}

}  // namespace

bool CookieJar::fits(const Cookie& cookie, const Url& url) {
  if (cookie.secure && url.scheme != "https") return false;
  const std::string host = to_lower(url.host);
  if (cookie.host_only ? host != cookie.domain : !domain_covers(cookie.domain, host)) return false;
  return path_covers(cookie.path, path_of(url));
}

void CookieJar::store(const Url& url, std::string_view set_cookie) {
  const std::vector<std::string_view> parts = split(set_cookie, ';');
  const std::size_t equals = parts.front().find('=');
  if (equals == std::string_view::npos) return;
  Cookie cookie;
  cookie.name = trim(parts.front().substr(0, equals));
  cookie.value = trim(parts.front().substr(equals + 1));
  cookie.domain = to_lower(url.host);
  cookie.path = default_path(url);
  if (cookie.name.empty() || !is_plain(cookie.name) || !is_plain(cookie.value)) return;
  bool deleted = false;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t at = std::min(parts[i].find('='), parts[i].size());
    const std::string key = to_lower(trim(parts[i].substr(0, at)));
    const std::string_view value = at < parts[i].size() ? trim(parts[i].substr(at + 1)) : std::string_view();
    if (key == "secure") cookie.secure = true;
    if (key == "path" && value.starts_with('/')) cookie.path = value;
    if (key == "max-age") deleted = parse_int(value).value_or(1) <= 0;
    if (key != "domain" || value.empty()) continue;
    const std::string domain = to_lower(value.front() == '.' ? value.substr(1) : value);
    // A name without a dot would cover a whole top-level domain.
    const bool too_wide = domain.find('.') == std::string::npos && domain != cookie.domain;
    if (too_wide || !domain_covers(domain, to_lower(url.host))) return;
    cookie.host_only = IpAddress::parse(domain).has_value();
    cookie.domain = domain;
  }
  std::erase_if(cookies_, [&](const Cookie& old) {
    return old.name == cookie.name && old.domain == cookie.domain && old.path == cookie.path;
  });
  if (!deleted && cookies_.size() < kMaxCookies) cookies_.push_back(std::move(cookie));
}

std::string CookieJar::header_for(const Url& url) const {
  std::string header;
  for (const Cookie& cookie : cookies_) {
    if (!fits(cookie, url)) continue;
    if (!header.empty()) header += "; ";
    header += cookie.name + "=" + cookie.value;
  }
  return header;
}

}  // namespace heal::probe
