#include "common/system/fault_holder/cgroups.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

#include "common/base/scoped_fd.h"
#include "common/base/small_file.h"
#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::string_view kRoot = "/sys/fs/cgroup";
/// Those that count. The freezer is left alone: a frozen process could not be ended.
constexpr std::array<std::string_view, 5> kControllers{"cpu", "cpuacct", "cpuset", "memory", "pids"};
/// What version 1 shows when there is no limit: the largest multiple of a page.
constexpr std::int64_t kUnlimitedBytes = std::int64_t{1} << 60;

std::optional<std::int64_t> number_in(const std::string& text) {
  return parse_int(trim(text));
}

/// The value of `name value` among lines.
std::optional<std::int64_t> line_number(const std::string& text, std::string_view name) {
  for (const auto line : split(text, '\n')) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ')
      return parse_int(trim(line.substr(name.size())));
  }
  return std::nullopt;
}

Status move_to(const std::string& folder) {
  const std::string path = folder + "/cgroup.procs";
  const ScopedFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), "0", 1) == 1) return {};
  return errno_error(errno, "enter " + path);
}

}  // namespace

Result<ContainerGroups> ContainerGroups::of(std::int64_t pid, const std::string& container_id) {
  ContainerGroups groups;
  const std::string table = read_small_file(fmt::format("/proc/{}/cgroup", pid));
  for (const auto line : split(table, '\n')) {
    const auto parts = split(line, ':');
    // A path may have colons too, but those of containers' groups have none.
    if (parts.size() != 3 || parts[2].find(container_id) == std::string_view::npos) continue;
    if (parts[1].empty()) {
      const std::string folder = fmt::format("{}{}", kRoot, parts[2]);
      const bool is_here = ::access((folder + "/cgroup.procs").c_str(), W_OK) == 0;
      if (is_here) groups.unified_ = folder;
      continue;
    }
    for (const auto controller : split(parts[1], ','))
      groups.folders_[std::string(controller)] = fmt::format("{}/{}{}", kRoot, parts[1], parts[2]);
  }
  if (groups.folders_.empty() && groups.unified_.empty()) {
    return make_error(ErrorCode::kConflict,
                      "process {} is not one of container {}, or its control groups cannot be written", pid,
                      container_id.substr(0, 12));
  }
  return groups;
}

Status ContainerGroups::enter() const {
  if (!unified_.empty()) HEAL_TRY_STATUS(move_to(unified_));
  for (const std::string_view controller : kControllers) {
    const auto found = folders_.find(std::string(controller));
    if (found != folders_.end()) HEAL_TRY_STATUS(move_to(found->second));
  }
  return {};
}

std::vector<std::int64_t> ContainerGroups::processes_named(const std::string& name) const {
  std::vector<std::int64_t> found;
  const std::string listed = read("pids", "cgroup.procs");
  for (const auto line : split(listed, '\n')) {
    const auto pid = parse_int(trim(line));
    if (pid && trim(read_small_file(fmt::format("/proc/{}/comm", *pid))) == name) found.push_back(*pid);
  }
  return found;
}

std::string ContainerGroups::read(const std::string& controller, const std::string& file) const {
  const auto found = folders_.find(controller);
  const std::string& folder = found == folders_.end() ? unified_ : found->second;
  std::string text;
  const ScopedFd from(::open(fmt::format("{}/{}", folder, file).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> part{};
  for (ssize_t n = 0; from && (n = ::read(from.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

std::optional<std::int64_t> ContainerGroups::memory_used() const {
  const bool v2 = is_v2("memory");
  const auto used = number_in(read("memory", v2 ? "memory.current" : "memory.usage_in_bytes"));
  if (!used) return std::nullopt;
  const auto cache = line_number(read("memory", "memory.stat"), v2 ? "inactive_file" : "total_inactive_file");
  return std::max<std::int64_t>(*used - cache.value_or(0), 0);
}

std::optional<std::int64_t> ContainerGroups::memory_limit() const {
  const auto limit = number_in(read("memory", is_v2("memory") ? "memory.max" : "memory.limit_in_bytes"));
  return limit && *limit < kUnlimitedBytes ? limit : std::nullopt;
}

std::optional<std::int64_t> ContainerGroups::pids_used() const {
  return number_in(read("pids", "pids.current"));
}

std::optional<std::int64_t> ContainerGroups::pids_limit() const {
  return number_in(read("pids", "pids.max"));  // "max" is no number
}

bool ContainerGroups::has_cpu_limit() const {
  if (is_v2("cpu")) return !read("cpu", "cpu.max").starts_with("max");
  return number_in(read("cpu", "cpu.cfs_quota_us")).value_or(-1) > 0;
}

}  // namespace heal
