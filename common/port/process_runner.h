#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// Stands in an argument for the name of the file with ProcessSpec::private_text.
inline constexpr std::string_view kPrivateFile = "{private file}";

/// A program to run: never through a shell.
struct ProcessSpec {
  std::vector<std::string> argv;                   ///< argv[0] is an absolute path
  std::map<std::string, std::string> environment;  ///< all of it: nothing is inherited
  std::string working_directory = "/";
  std::string input;  ///< written to stdin, which is then closed
  /// What must not stand in argv, which everybody on the machine can read: when not empty it is in a file that only
  /// this user can read, for as long as run() lasts, and kPrivateFile in argv becomes its name.
  std::string private_text;
  std::size_t max_output_bytes = 65536;  ///< of stdout and of stderr each; the rest is read and dropped
  Duration kill_grace = 2s;              ///< between SIGTERM and SIGKILL to the whole group at the deadline or a stop
};

/// kInvalid when the spec cannot be run by any runner: no argv, argv[0] or the working directory not absolute, a NUL
/// byte anywhere, an environment name that is empty or has a `=`.
Status check_process_spec(const ProcessSpec& spec);

/// How a program ended.
struct ProcessOutcome {
  enum class End { kExited, kSignalled, kTimedOut, kStopped };
  End end = End::kExited;
  int exit_code = 0;  ///< when kExited
  int signal = 0;     ///< when kSignalled
  std::string output, errors;
  bool output_truncated = false, errors_truncated = false;
  Duration duration{};
  std::size_t left_over = 0;  ///< processes that it left running, and that were killed

  bool ok() const { return end == End::kExited && exit_code == 0; }
};

/// Runs programs in a process group of their own; nothing of the group is left when run() returns. Thread-safe.
class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  /// Blocks until the program ended, at most until `deadline` plus the grace. An Error means that it could not be
  /// started (kNotFound, kUnauthorized, kInvalid): then nothing ran.
  virtual Result<ProcessOutcome> run(const ProcessSpec& spec, Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
