#pragma once

#include <string>
#include <vector>

#include "healctl/cli/spec.h"

namespace heal::ctl {

/// What a command line asks for.
struct Invocation {
  enum class Kind { kCommand, kHelp, kVersion, kUsageError };
  Kind kind = Kind::kCommand;
  std::vector<std::string> path;  ///< of the command or group that was reached, also in an error
  std::string message;            ///< kUsageError: what is wrong
  std::string hint;               ///< kUsageError: "did you mean …", may be empty

  bool operator==(const Invocation&) const = default;
};

/// Reads `args` (without the program's name) and runs the setters of what was given. Options of the tree may stand
/// before or after the command's words. The only user of CLI11.
Invocation parse_command_line(const std::vector<std::string>& args, const CommandTree& tree);

}  // namespace heal::ctl
