#include "common/sim/quiet.h"

#include <cstdio>
#include <dirent.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

namespace heal {
namespace {

/// How often the other threads have gone to sleep or were made to wait, all together; nullopt when one of them is not
/// asleep.
std::optional<unsigned long> switches_of_sleepers() {
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), &closedir);
  if (!tasks) return std::nullopt;
  const std::string own = std::to_string(gettid());
  unsigned long total = 0;
  while (const dirent* entry = readdir(tasks.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name.front() == '.' || name == own) continue;
    const std::string path = "/proc/self/task/" + std::string(name) + "/status";
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
    if (!file) continue;  // it has ended
    char line[256];
    while (std::fgets(line, sizeof line, file.get()) != nullptr) {
      char state = 0;
      unsigned long count = 0;
      if (std::sscanf(line, "State: %c", &state) == 1 && state != 'S') return std::nullopt;
      if (std::sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1) total += count;
      if (std::sscanf(line, "nonvoluntary_ctxt_switches: %lu", &count) == 1) total += count;
    }
  }
  return total;
}

}  // namespace

bool all_others_sleep() {
  const auto before = switches_of_sleepers();
  // One that was woken after it was looked at has run, or is not asleep, by the second look.
  return before && before == switches_of_sleepers();
}

}  // namespace heal
