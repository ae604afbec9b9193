#pragma once

#include <string>
#include <string_view>

namespace heal {

/// What stands where a secret stood.
inline constexpr std::string_view kRedacted = "<secret>";

/// True for the names of headers, keys and variables whose values nobody should read: `Authorization`,
/// `Proxy-Authorization`, `Cookie`, `Set-Cookie`, what holds `token`, `secret`, `password` or `api-key` or ends in
/// `pass`, and the like. Upper and lower case, `-` and `_` do not matter.
bool is_secret_name(std::string_view name);

/// True for the keys of configuration files below which no message may show a line: names of secrets, and keys whose
/// values are secrets or may hold one, such as `key`, `client_certificate_key`, `proxy_connect_header` and `proxy_url`.
bool is_secret_key(std::string_view key);

/// A line of a configuration file with each character of what may be a secret replaced by `*`, so that columns stay:
/// user and password of a URL, and what follows a secret key (`password: …`, `Authorization: …`, see is_secret_key())
/// up to the end of a quoted text, of the list or map in brackets, the next comma or brace inside of braces, or the end
/// of the line, which is also where a value ends that is not well-formed. Private keys in PEM, too, and every line that
/// is nothing but 60 characters of base64 or more.
std::string redact_line(std::string_view line);

}  // namespace heal
