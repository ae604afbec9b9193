#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace heal {

/// A process as `/proc/<pid>/stat` shows it.
struct ProcessEntry {
  pid_t pid = 0, parent = 0, group = 0, session = 0;
  char state = '?';  ///< Z for one that has ended and is not reaped

  bool ended() const { return state == 'Z' || state == 'X'; }
};

/// All processes that this one can see, by pid. Entries that vanish meanwhile are left out.
std::vector<ProcessEntry> read_process_table();

/// The environment that `pid` was started with, as `NAME=value` each ended by a NUL. Empty when it cannot be read, has
/// nothing, or is not there yet: while exec replaces a program the kernel shows none.
std::string initial_environment(pid_t pid);

}  // namespace heal
