#pragma once

namespace heal::ctl {

/// What the process ends with; scripts rely on the numbers.
enum class Exit : int {
  kDone = 0,          ///< done, or verified
  kFailed = 1,        ///< failed, invalid, or not found
  kUsage = 2,         ///< the command line or healctl's own configuration is wrong
  kLint = 3,          ///< valid, but there are findings
  kRefused = 4,       ///< a guard or a rule of the service said no; nothing was done
  kWaiting = 5,       ///< waits for a human's approval
  kUnknown = 6,       ///< begun, outcome unknown
  kUnreachable = 7,   ///< could not reach or find out
  kPersists = 8,      ///< ran, and the problem persists
  kInterrupted = 130  ///< Ctrl-C
};

}  // namespace heal::ctl
