#include "common/sim/quiet.h"

#include <array>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

#include "common/base/scoped_fd.h"

namespace heal {
namespace {

/// What stands behind `key` in the lines of a status file; "" when it is not there.
std::string_view value_of(std::string_view text, std::string_view key) {
  const auto found = text.find(key);
  if (found == std::string_view::npos) return "";
  const auto begin = text.find_first_not_of(" \t", found + key.size());
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

unsigned long count_of(std::string_view text, std::string_view key) {
  const std::string_view value = value_of(text, key);
  unsigned long count = 0;
  std::from_chars(value.data(), value.data() + value.size(), count);
  return count;
}

/// How often the other threads have gone to sleep or were made to wait, all together; nullopt when one of them is not
/// asleep. Asked thousands of times a second by whoever moves simulated time: one read for each thread.
std::optional<unsigned long> switches_of_sleepers() {
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), &closedir);
  if (!tasks) return std::nullopt;
  const std::string own = std::to_string(gettid());
  unsigned long total = 0;
  while (const dirent* entry = readdir(tasks.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name.front() == '.' || name == own) continue;
    const std::string path = std::string(name) + "/status";
    const ScopedFd file(openat(dirfd(tasks.get()), path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> buffer{};
    const ssize_t size = file.get() < 0 ? -1 : read(file.get(), buffer.data(), buffer.size());
    if (size <= 0) continue;  // it has ended
    const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
    if (!value_of(text, "\nState:").starts_with('S')) return std::nullopt;
    total += count_of(text, "\nvoluntary_ctxt_switches:") + count_of(text, "\nnonvoluntary_ctxt_switches:");
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
