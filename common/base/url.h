#pragma once

#include <string>
#include <string_view>

namespace heal {

/// `text` for one part of a URL: all bytes but letters, digits and `-._~` as %XX (RFC 3986, 2.3).
std::string percent_encode(std::string_view text);

/// For messages and logs: `url` without what may be a secret: user and password, query, fragment.
std::string public_url(std::string_view url);

}  // namespace heal
