#pragma once

namespace heal::actuator {

/// `heal-webhook actuator`: parses the command line (argv[0] is `actuator`), runs, gives the exit code (0 ok, 1 failed,
/// 2 usage).
int run_actuator(int argc, const char* const* argv);

}  // namespace heal::actuator
