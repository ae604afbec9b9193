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

/// A line of a configuration file with each character of what may be a secret replaced by `*`, so that columns stay:
/// user and password of a URL, and what follows the name of a secret (`password: …`, `Authorization: …`) up to the end
/// of a quoted text, the list in brackets, the next comma or brace inside of braces, or the end of the line. Private
/// keys in PEM, too, and every line that is nothing but 60 characters of base64 or more.
std::string redact_line(std::string_view line);

}  // namespace heal
