#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heal::probe {

/// `text` with `$1`, `${1}`, `$name`, `${name}` replaced by groups of a match and `$$` by a dollar; a group that does
/// not exist is "". A bare name is as long as it can be. Source: Go's regexp.Expand.
std::string expand_groups(std::string_view text, const std::vector<std::string>& groups,
                          const std::vector<std::string>& names);

}  // namespace heal::probe
