#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/probe/url.h"

namespace heal::probe {

/// Cookies of one redirect chain (RFC 6265 without expiry dates: a chain lasts seconds). Not thread-safe.
class CookieJar {
 public:
  /// Takes the value of a Set-Cookie header that came from `url`. What is malformed or for another domain is dropped.
  void store(const Url& url, std::string_view set_cookie);
  /// The Cookie header for `url`; "" for none.
  std::string header_for(const Url& url) const;

 private:
  struct Cookie {
    std::string name, value, domain, path;
    bool host_only = true, secure = false;
  };
  static bool fits(const Cookie& cookie, const Url& url);

  std::vector<Cookie> cookies_;
};

}  // namespace heal::probe
