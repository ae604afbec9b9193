#pragma once

#include <string>
#include <vector>

#include "healctl/cli/spec.h"

namespace heal::ctl {

/// The help of the program ({}), of a group or of a command, wrapped to `width` columns.
std::string help_text(const CommandTree& tree, const std::vector<std::string>& path, std::size_t width);

/// "healctl heal PLAYBOOK --target TARGET [options]".
std::string usage_line(const CommandTree& tree, const std::vector<std::string>& path);

}  // namespace heal::ctl
