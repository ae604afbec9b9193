#pragma once

#include <string>
#include <string_view>

namespace heal::playbook {

/// `text` in double quotes as JSON writes it, which YAML reads too: quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text);

}  // namespace heal::playbook
