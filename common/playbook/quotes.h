#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heal::playbook {

/// `text` in double quotes as JSON writes it, which YAML reads too: quotes, backslashes and control characters escaped.
std::string in_quotes(std::string_view text);
/// All of them as a list in brackets.
std::string list_in_quotes(const std::vector<std::string>& texts);

}  // namespace heal::playbook
