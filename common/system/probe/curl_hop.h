#pragma once

#include <memory>
#include <string>

#include <curl/curl.h>

#include "common/port/probe_io.h"
#include "common/system/probe/tls.h"

namespace heal::system {

using CurlListPtr = std::unique_ptr<curl_slist, CFree<curl_slist_free_all>>;

// An HttpHop in libcurl's words. What is given holds copies: the hop need not outlive it.

/// For CURLOPT_HTTPHEADER: the hop's headers, and a mute for each header that libcurl would add by itself.
CurlListPtr curl_headers(const HttpHop& hop);
/// For CURLOPT_PROXYHEADER; nullptr without any.
CurlListPtr curl_proxy_headers(const HttpHop& hop);
/// A hop's proxy.
struct CurlProxy {
  std::string url;             ///< for CURLOPT_PROXY; without user information, for libcurl's messages quote it
  bool is_user_named = false;  ///< then what follows is for CURLOPT_PROXYUSERNAME and CURLOPT_PROXYPASSWORD, decoded
  std::string user, password;
};
CurlProxy curl_proxy(const HttpHop& hop);
/// For CURLOPT_CONNECT_TO; nullptr when the connection goes to the URL's host.
CurlListPtr curl_connect_to(const HttpHop& hop);
/// For CURLOPT_HTTP_VERSION.
long curl_version_of(HttpHop::Versions versions);

}  // namespace heal::system
