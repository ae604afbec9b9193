#pragma once

#include <string>

#include "healctl/cli/spec.h"

namespace heal::ctl {

/// Scripts that complete commands, options, their choices and files, made from the tree; nothing is run to complete.
std::string bash_completion(const CommandTree& tree);
std::string zsh_completion(const CommandTree& tree);
std::string fish_completion(const CommandTree& tree);

}  // namespace heal::ctl
