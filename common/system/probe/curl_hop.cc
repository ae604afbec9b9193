#include "common/system/probe/curl_hop.h"

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
