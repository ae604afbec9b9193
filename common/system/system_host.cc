#include "common/system/system_host.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <set>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/scoped_fd.h"
#include "common/base/small_file.h"
#include "common/base/text.h"

namespace heal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCgroupRoot = "/sys/fs/cgroup";
constexpr std::size_t kNameBytes = 15;  // of a process's name the kernel keeps no more
constexpr const char* kDropCaches = "/proc/sys/vm/drop_caches";

struct Entry {
  HostProcess process;
  std::int64_t parent = 0;
};

/// `/proc/<pid>/stat`: `pid (name) state ppid …`; the name may hold anything, brackets included.
std::optional<Entry> entry_of(std::int64_t pid) {
  const std::string text = read_small_file(fmt::format("/proc/{}/stat", pid));
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 > text.size()) return std::nullopt;
  const std::string rest = text.substr(close + 2);
  const auto fields = split(rest, ' ');  // from `state`, which is field 3 of proc(5)
  const auto number = [&](std::size_t field) {
    return field - 3 < fields.size() ? parse_int(trim(fields[field - 3])).value_or(0) : 0;
  };
  if (fields.size() < 22 || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  Entry entry;
  entry.process.pid = pid;
  entry.process.name = text.substr(open + 1, close - open - 1);
  entry.process.started = static_cast<std::uint64_t>(number(22));
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  entry.process.cpu_seconds = static_cast<double>(number(14) + number(15)) / ticks;
  entry.process.memory_bytes = static_cast<std::uint64_t>(number(24)) * static_cast<std::uint64_t>(::getpagesize());
  entry.parent = number(4);
  return entry;
}

std::vector<Entry> all_entries() {
  std::vector<Entry> out;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator("/proc", ignored)) {
    const auto pid = parse_int(item.path().filename().string());
    if (!pid) continue;
    if (auto entry = entry_of(*pid)) out.push_back(std::move(*entry));
  }
  return out;
}

/// True when some line of the process's cgroups has `segment` between slashes, or inside of a segment for an id.
bool is_in_cgroup(std::int64_t pid, const std::string& segment) {
  const std::string text = read_small_file(fmt::format("/proc/{}/cgroup", pid));
  for (const auto line : split(text, '\n')) {
    if ((std::string(line) + "/").find("/" + segment + "/") != std::string::npos) return true;
  }
  return false;
}

/// In a container of any kind, as far as can be seen from here.
bool is_contained(std::int64_t pid, const std::string& init_cgroups) {
  if (is_container_cgroup(read_small_file(fmt::format("/proc/{}/cgroup", pid)), init_cgroups)) return true;
  std::error_code error;
  const auto own = fs::read_symlink("/proc/self/ns/pid", error);
  const auto its = fs::read_symlink(fmt::format("/proc/{}/ns/pid", pid), error);
  return !error && own != its;
}

bool is_of_container(std::int64_t pid, const std::string& id) {
  constexpr std::size_t kFullId = 64;
  return id.size() == kFullId && read_small_file(fmt::format("/proc/{}/cgroup", pid)).find(id) != std::string::npos;
}

Result<std::set<std::int64_t>> pids_below(const std::string& folder) {
  std::error_code error;
  const fs::path path = fs::canonical(folder, error);
  if (error) return make_error(ErrorCode::kNotFound, "{}: {}", folder, error.message());
  if (!path.string().starts_with(std::string(kCgroupRoot) + "/"))
    return make_error(ErrorCode::kRefused, "{} is not below {}", folder, kCgroupRoot);
  std::set<std::int64_t> pids;
  const auto add = [&](const fs::path& each) {
    const std::string text = read_small_file((each / "cgroup.procs").string());
    for (const auto line : split(text, '\n')) {
      if (const auto pid = parse_int(trim(line))) pids.insert(*pid);
    }
  };
  add(path);
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error)) add(it->path());
  }
  return pids;
}

/// The process and all that descend from it.
Result<std::set<std::int64_t>> family_of(const std::string& pid_file, const std::vector<Entry>& entries) {
  const auto pid = parse_int(trim(read_small_file(pid_file)));
  if (!pid || *pid <= 1) return make_error(ErrorCode::kNotFound, "{} holds no pid", pid_file);
  std::set<std::int64_t> family{*pid};
  for (bool grows = true; grows;) {
    grows = false;
    for (const Entry& entry : entries) {
      if (family.count(entry.parent) != 0) grows = family.insert(entry.process.pid).second || grows;
    }
  }
  return family;
}

bool is_off_limits(std::int64_t pid) {
  return pid <= 1 || pid == ::getpid();
}

std::optional<int> signal_number(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, int>, 8> kSignals{{{"SIGTERM", SIGTERM},
                                                                      {"SIGKILL", SIGKILL},
                                                                      {"SIGINT", SIGINT},
                                                                      {"SIGHUP", SIGHUP},
                                                                      {"SIGQUIT", SIGQUIT},
                                                                      {"SIGUSR1", SIGUSR1},
                                                                      {"SIGUSR2", SIGUSR2},
                                                                      {"SIGCONT", SIGCONT}}};
  const auto* found =
      std::find_if(kSignals.begin(), kSignals.end(), [&](const auto& each) { return each.first == name; });
  return found == kSignals.end() ? std::nullopt : std::optional(found->second);
}

/// Has an id of 64 hex digits in it, or another mark of those that make containers.
bool names_container(std::string_view path) {
  constexpr std::size_t kFullId = 64;
  for (const std::string_view mark : {"/lxc/", "/lxc.payload", "/machine.slice/"}) {
    if (path.find(mark) != std::string_view::npos) return true;
  }
  std::size_t run = 0;
  for (const char c : path) {
    run = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? run + 1 : 0;
    if (run == kFullId) return true;
  }
  return false;
}

}  // namespace

bool is_container_cgroup(std::string_view cgroups, std::string_view init_cgroups) {
  constexpr std::string_view kInit = "/init.scope";
  const auto roots = split(init_cgroups, '\n');
  for (const std::string_view line : split(cgroups, '\n')) {
    const auto path_at = line.find(":/");
    if (path_at == std::string_view::npos) continue;
    const auto hierarchy = line.substr(0, path_at + 1);
    std::string_view path = line.substr(path_at + 1);
    for (std::string_view root : roots) {
      if (!root.starts_with(hierarchy)) continue;
      root.remove_prefix(hierarchy.size());
      if (root.ends_with(kInit)) root.remove_suffix(kInit.size());
      if (root.size() > 1 && (path == root || path.starts_with(std::string(root) + "/")))
        path.remove_prefix(root.size());
    }
    if (names_container(path)) return true;
  }
  return false;
}

Result<std::vector<HostProcess>> SystemHost::processes(const ProcessScope& scope) {
  const auto entries = all_entries();
  const std::string init_cgroups = read_small_file("/proc/1/cgroup");
  std::set<std::int64_t> pids;
  if (scope.kind == ProcessScope::Kind::kCgroup) {
    HEAL_TRY(pids, pids_below(scope.value));
  }
  if (scope.kind == ProcessScope::Kind::kPidFile) {
    HEAL_TRY(pids, family_of(scope.value, entries));
  }
  const auto is_meant = [&](const HostProcess& process) {
    switch (scope.kind) {
      case ProcessScope::Kind::kContainer:
        return is_of_container(process.pid, scope.value);
      case ProcessScope::Kind::kUnit:
        return is_in_cgroup(process.pid, scope.value);
      case ProcessScope::Kind::kName:
        return process.name == scope.value.substr(0, kNameBytes) && !is_contained(process.pid, init_cgroups);
      default:
        return pids.count(process.pid) != 0;
    }
  };
  std::vector<HostProcess> out;
  for (const Entry& entry : entries) {
    // Kernel threads have no memory of their own.
    const bool is_candidate = !is_off_limits(entry.process.pid) && entry.process.memory_bytes > 0;
    if (is_candidate && is_meant(entry.process)) out.push_back(entry.process);
  }
  if (out.empty()) return make_error(ErrorCode::kNotFound, "no process of {} is in sight", scope.str());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
  return out;
}

Status SystemHost::signal(const HostProcess& process, const std::string& signal) {
  const auto number = signal_number(signal);
  if (!number) return make_error(ErrorCode::kInvalid, "{} is not a signal that is sent", printable(signal, 40));
  if (is_off_limits(process.pid)) return make_error(ErrorCode::kRefused, "process {} gets no signals", process.pid);
  const auto has_ended = [&] {
    return make_error(ErrorCode::kNotFound, "process {} ({}) has ended", process.pid, process.name);
  };
  // The descriptor is taken before the look: if the pid is used anew in between, the signal fails.
  const ScopedFd handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle) return errno == ESRCH ? has_ended() : errno_error(errno, fmt::format("open process {}", process.pid));
  const auto entry = entry_of(process.pid);
  if (!entry || entry->process.started != process.started) return has_ended();
  if (::syscall(SYS_pidfd_send_signal, handle.get(), *number, nullptr, 0) == 0) return {};
  return errno == ESRCH ? has_ended() : errno_error(errno, fmt::format("{} to process {}", signal, process.pid));
}

Status SystemHost::drop_caches(Caches what) {
  const ScopedFd file(::open(kDropCaches, O_WRONLY | O_CLOEXEC));
  if (!file) return errno_error(errno, kDropCaches);
  const std::string text = fmt::format("{}\n", static_cast<int>(what));
  if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return errno_error(errno, kDropCaches);
}

}  // namespace heal
