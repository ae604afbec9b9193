#include "common/system/probe/curl_hop.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::system {
namespace {

/// curl's spelling: "Name: value", or "Name;" for a header without a value.
std::string curl_header(const std::string& name, const std::string& value) {
  return value.empty() ? name + ";" : name + ": " + value;
}

CurlListPtr append(CurlListPtr list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer != nullptr) {
    [[maybe_unused]] const curl_slist* same = list.release();
    list.reset(longer);
  }
  return list;
}

bool has_header(const HttpHop& hop, std::string_view lower_name) {
  for (const auto& [name, value] : hop.headers) {
    if (to_lower(name) == lower_name) return true;
  }
  return false;
}

using CurlTextPtr = std::unique_ptr<char, CFree<curl_free>>;

std::string unescaped(std::string_view text) {
  int size = 0;
  const CurlTextPtr plain(curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &size));
  return plain && !text.empty() ? std::string(plain.get(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

CurlListPtr curl_headers(const HttpHop& hop) {
  CurlListPtr list;
  for (const auto& [name, value] : hop.headers)
    list = append(std::move(list), curl_header(name, value));
  for (const auto* name : {"Accept", "Expect", "Content-Type", "User-Agent", "Proxy-Connection"}) {
    if (!has_header(hop, to_lower(name))) list = append(std::move(list), std::string(name) + ":");
  }
  return list;
}

CurlListPtr curl_proxy_headers(const HttpHop& hop) {
  CurlListPtr list;
  for (const auto& [name, value] : hop.proxy_headers)
    list = append(std::move(list), curl_header(name, value));
  return list;
}

CurlProxy curl_proxy(const HttpHop& hop) {
  CurlProxy proxy{hop.proxy_url, false, {}, {}};
  const std::size_t scheme_end = proxy.url.find("://");
  if (scheme_end == std::string::npos) return proxy;
  const std::size_t begin = scheme_end + 3;
  const std::string authority = proxy.url.substr(begin, proxy.url.find_first_of("/?#", begin) - begin);
  if (const std::size_t at = authority.rfind('@'); at != std::string::npos) {
    const std::string user = authority.substr(0, at);
    const std::size_t colon = std::min(user.find(':'), user.size());
    proxy.is_user_named = true;
    proxy.user = unescaped(user.substr(0, colon));
    proxy.password = colon < user.size() ? unescaped(user.substr(colon + 1)) : "";
    proxy.url.erase(begin, at + 1);
  }
  // By socks5 libcurl finds the address itself, by socks5h the proxy does. An address it can only tell by the first:
  // an IPv6 one that is connected to in place of a name goes out as a name by the second.
  if (!hop.connect_to && proxy.url.starts_with("socks5://")) proxy.url.insert(6, "h");
  return proxy;
}

CurlListPtr curl_connect_to(const HttpHop& hop) {
  // "HOST1:PORT1:HOST2:PORT2": the first two are empty for whatever the URL has, the last one for its port.
  if (hop.connect_to) return append({}, "::" + join_host_port(hop.connect_to->ip.str(), hop.connect_to->port));
  return hop.connect_name.empty() ? CurlListPtr() : append({}, "::" + hop.connect_name + ":");
}

long curl_version_of(HttpHop::Versions versions) {
  switch (versions) {
    case HttpHop::Versions::kHttp1:
      return CURL_HTTP_VERSION_1_1;
    case HttpHop::Versions::kHttp1And2:
      return CURL_HTTP_VERSION_2TLS;
    case HttpHop::Versions::kHttp2:
      return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  }
  return CURL_HTTP_VERSION_1_1;
}

}  // namespace heal::system
