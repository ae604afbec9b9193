#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

// A process of this program that outlives whoever started it.

namespace heal {

/// Starts this program anew with `arguments`, for nobody to wait for: in a session of its own, without a terminal,
/// nothing on its standard input, standard error added to the file `log` (mode 0600), in `/`, and no other descriptor
/// and nothing of the environment of ours. Gives what it writes to standard output up to the end of the first line or
/// of its life ("": it ended without a word). kTimeout and kCancelled leave it running.
Result<std::string> start_detached(const std::vector<std::string>& arguments, const std::string& log, Deadline deadline,
                                   const std::stop_token& stop);

/// For the beginning of such a process: gives `line` to whoever waits in start_detached(), who then no longer does.
void answer_starter(const std::string& line);

/// What `work` below gives when it could not begin, and may later.
inline constexpr int kBeginAgain = 75;

/// Runs `work` in a child process with a session of its own, and again, with growing pauses, when the child dies of a
/// signal or gives kBeginAgain; gives the exit code of the child that ended otherwise, or was ended by our SIGTERM,
/// which is passed on. In the child it gives what `work` gave. `died` hears of each (0: of kBeginAgain). Only for a
/// process that has one thread.
int keep_running(const std::function<int()>& work, const std::function<void(int signal, Duration pause)>& died);

}  // namespace heal
