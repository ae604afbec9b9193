#pragma once

#include <string_view>
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

/// True when the environment that `pid` was started with has exactly `variable` (`NAME=value`).
bool started_with(pid_t pid, std::string_view variable);

}  // namespace heal
