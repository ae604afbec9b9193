#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "healctl/command/command.h"
#include "healctl/console.h"
#include "healctl/context.h"

namespace heal::ctl {

/// healctl as an object: one command line in, an exit code out. Everything it touches is injected.
class Program {
 public:
  Program(Ports ports, Console console, Environment environment);

  /// Runs the command that `args` (without the program's name) asks for. A stop ends it with kInterrupted.
  Exit run(const std::vector<std::string>& args, const std::stop_token& stop);

  /// The whole command line, for documentation and tests.
  const CommandTree& tree() const { return tree_; }

 private:
  Exit run_command(Command& command, const std::stop_token& stop);
  /// `exit`, unless what was printed could not be written.
  Exit finish_output(Exit exit);
  Exit usage_error(const std::vector<std::string>& path, const std::string& message, const std::string& hint);

  Ports ports_;
  Console console_;
  Environment environment_;
  GlobalOptions options_;
  CommandTree tree_;
  Commands commands_;
};

}  // namespace heal::ctl
