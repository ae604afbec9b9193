#include "common/system/process_table.h"

#include <array>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"

namespace heal {
namespace {

std::string text_or_empty(const std::string& path, std::size_t limit) {
  std::string text;
  const ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  std::array<char, 4096> buffer{};
  while (text.size() < limit) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<ProcessEntry> read_entry(pid_t pid) {
  const std::string stat = text_or_empty(fmt::format("/proc/{}/stat", pid), 4096);
  // `pid (name) state parent group session …`: the name may hold anything, parentheses too.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  ProcessEntry entry;
  entry.pid = pid;
  if (std::sscanf(stat.c_str() + name_end + 1, " %c %d %d %d", &entry.state, &entry.parent, &entry.group,
                  &entry.session) != 4) {
    return std::nullopt;
  }
  return entry;
}

}  // namespace

std::vector<ProcessEntry> read_process_table() {
  std::vector<ProcessEntry> table;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), &closedir);
  if (!folder) return table;
  while (const dirent* item = readdir(folder.get())) {
    const auto pid = parse_int(item->d_name);
    if (!pid || *pid <= 0) continue;
    if (const auto entry = read_entry(static_cast<pid_t>(*pid))) table.push_back(*entry);
  }
  return table;
}

std::string initial_environment(pid_t pid) {
  constexpr std::size_t kMaxEnvironment = 4 << 20;
  return text_or_empty(fmt::format("/proc/{}/environ", pid), kMaxEnvironment);
}

}  // namespace heal
