#pragma once

namespace heal::webhook {

/// The program: parses the command line, runs, gives the exit code (0 ok, 1 failed, 2 usage).
int run_program(int argc, const char* const* argv);

}  // namespace heal::webhook
