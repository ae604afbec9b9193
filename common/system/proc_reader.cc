#include "common/system/proc_reader.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <memory>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"
#include "common/system/system_host.h"

namespace heal {
namespace {

constexpr std::size_t kMostFileBytes = 64 << 10;
constexpr std::size_t kMostTableBytes = 4 << 20;     // /proc/stat of many CPUs and interrupts, many mounts
constexpr std::uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD of include/linux/sched.h
constexpr Duration kSecond = 1s;

/// What a file holds, at most `most` bytes of it. kNotFound also when its process has ended.
Result<std::string> read_file(const std::string& path, std::size_t most = kMostFileBytes) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return errno_error(errno, path);
  std::string text;
  char buffer[4096];
  while (text.size() < most) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, path);
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

template <typename Number>
Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The words of a line, however many spaces are between them.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase(words, "");
  return words;
}

/// How the kernel's ticks are to be read.
struct Ticks {
  double per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  WallTime booted_at{};

  WallTime time_of(std::uint64_t ticks) const {
    return booted_at + from_seconds(static_cast<double>(ticks) / per_second);
  }
};

std::optional<WallTime> boot_time(std::string_view stat) {
  constexpr std::string_view kKey = "\nbtime ";
  const auto at = stat.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  return WallTime(kSecond * number_of<std::int64_t>(stat.substr(at + kKey.size())));
}

/// `pid (name) state ppid …` of proc(5); the name may hold anything, brackets and newlines included. nullopt for what
/// is no process that lives.
std::optional<SeenProcess> parse_stat(std::int64_t pid, std::string_view text, const Ticks& ticks) {
  constexpr std::size_t kFirst = 3;  // field `state` comes behind the name
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  const auto fields = words_of(trim(text.substr(close + 1)));
  constexpr std::size_t kResident = 24;
  if (fields.size() <= kResident - kFirst) return std::nullopt;
  const auto field = [&](std::size_t number) { return number_of<std::uint64_t>(fields[number - kFirst]); };
  const std::string_view state = fields[0];
  if (state == "Z" || state == "X" || (field(9) & kKernelThread) != 0) return std::nullopt;
  SeenProcess process;
  process.pid = pid;
  process.name = text.substr(open + 1, close - open - 1);
  process.started = field(22);
  process.started_at = ticks.time_of(process.started);
  process.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks.per_second;
  process.threads = static_cast<std::int64_t>(field(20));
  process.memory_bytes = field(kResident) * static_cast<std::uint64_t>(::getpagesize());
  return process;
}

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  errno = 0;
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  std::string out(target, size < 0 ? 0 : static_cast<std::size_t>(size));
  // A program that was replaced while it runs is still that program.
  constexpr std::string_view kDeleted = " (deleted)";
  if (out.ends_with(kDeleted)) out.resize(out.size() - kDeleted.size());
  return out;
}

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

Result<std::uint64_t> count_entries(const std::string& path) {
  const Folder folder(::opendir(path.c_str()), &::closedir);
  if (!folder) return errno_error(errno, path);
  std::uint64_t count = 0;
  while (const dirent* item = ::readdir(folder.get())) {
    if (item->d_name[0] != '.') ++count;
  }
  return count;
}

/// Of `name: 123 kB`.
std::optional<std::uint64_t> kilobytes(std::string_view meminfo, std::string_view name) {
  for (const std::string_view line : split(meminfo, '\n')) {
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    const auto words = words_of(line.substr(name.size() + 1));
    if (!words.empty()) return number_of<std::uint64_t>(words[0]) * 1024;
  }
  return std::nullopt;
}

/// Of `name 123`.
std::optional<std::uint64_t> count_of(std::string_view text, std::string_view name) {
  for (const std::string_view line : split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == name) return number_of<std::uint64_t>(words[1]);
  }
  return std::nullopt;
}

void read_cpu(std::string_view stat, HostUsage& usage) {
  static constexpr std::array<std::string_view, 8> kModes{"user",   "nice", "system",  "idle",
                                                          "iowait", "irq",  "softirq", "steal"};
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (const std::string_view line : split(stat, '\n')) {
    const auto words = words_of(line);
    if (words.empty() || !words[0].starts_with("cpu")) continue;
    if (words[0] != "cpu") ++usage.cpus;
    for (std::size_t i = 0; words[0] == "cpu" && i < kModes.size() && i + 1 < words.size(); ++i)
      usage.cpu_seconds.emplace(kModes[i], number_of<double>(words[i + 1]) / per_second);
  }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, microseconds.
Pressure pressure_of(std::string_view text) {
  Pressure pressure;
  for (const std::string_view line : split(text, '\n')) {
    constexpr std::string_view kTotal = "total=";
    const auto at = line.find(kTotal);
    if (at == std::string_view::npos) continue;
    const double seconds = number_of<double>(line.substr(at + kTotal.size())) / 1e6;
    if (line.starts_with("some ")) pressure.waiting_seconds = seconds;
    if (line.starts_with("full ")) pressure.stalled_seconds = seconds;
  }
  return pressure;
}

/// As mountinfo spells a path: `\040` for a space and the like.
std::string in_mountinfo(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool is_special = c == ' ' || c == '\t' || c == '\n' || c == '\\';
    out += is_special ? fmt::format("\\{:03o}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return out;
}

bool is_proc(const std::string& folder) {
  struct statfs info {};
  return ::statfs(folder.c_str(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

ProcReader::ProcReader(std::string proc) : proc_(std::move(proc)), is_kernel_(is_proc(proc_)) {}

Result<std::vector<SeenProcess>> ProcReader::processes(const std::stop_token& stop) {
  HEAL_TRY(const std::string stat, read_file(proc_ + "/stat", kMostTableBytes));
  Ticks ticks;
  ticks.booted_at = boot_time(stat).value_or(WallTime());
  const Folder folder(::opendir(proc_.c_str()), &::closedir);
  if (!folder) return errno_error(errno, proc_);
  std::vector<SeenProcess> out;
  while (const dirent* item = ::readdir(folder.get())) {
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "stopped");
    const auto pid = parse_int(item->d_name);
    if (!pid || *pid <= 0 || item->d_type == DT_REG) continue;
    // One that has ended since the folder was read is left out.
    const Result<std::string> text = read_file(fmt::format("{}/{}/stat", proc_, *pid));
    if (!text.has_value() && text.error().code() == ErrorCode::kNotFound) continue;
    if (!text.has_value() && text.error().code() == ErrorCode::kUnauthorized) {
      SeenProcess hidden;
      hidden.pid = *pid;
      hidden.is_hidden = true;
      out.push_back(hidden);
      continue;
    }
    if (!text.has_value()) return text.error();
    if (auto process = parse_stat(*pid, *text, ticks)) out.push_back(*std::move(process));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.pid < b.pid; });
  return out;
}

bool ProcReader::is_in_other_namespace(const std::string& folder) const {
  // In a container with the host's /proc our own namespace is another one than that of all the host's processes.
  if (link_target(proc_ + "/self") != std::to_string(::getpid())) return false;
  const std::string own = link_target(proc_ + "/self/ns/pid"), its = link_target(folder + "/ns/pid");
  return !own.empty() && !its.empty() && own != its;
}

Result<SeenProgram> ProcReader::program(const SeenProcess& process) {
  const std::string folder = fmt::format("{}/{}", proc_, process.pid);
  SeenProgram program;
  program.exe = link_target(folder + "/exe");
  if (program.exe->empty() && (errno == EACCES || errno == EPERM)) program.exe.reset();
  HEAL_TRY(program.cmdline, read_file(folder + "/cmdline"));
  while (!program.cmdline.empty() && program.cmdline.back() == '\0')
    program.cmdline.pop_back();
  std::replace(program.cmdline.begin(), program.cmdline.end(), '\0', ' ');
  // A kernel may have no control groups.
  const Result<std::string> cgroup = read_file(folder + "/cgroup");
  if (!cgroup.has_value() && cgroup.error().code() != ErrorCode::kNotFound) return cgroup.error();
  program.is_contained = is_container_cgroup(cgroup.value_or(""), read_file(proc_ + "/1/cgroup").value_or(""));
  if (is_in_other_namespace(folder)) program.is_contained = true;
  // Of this process, and not of another one that has its pid now.
  HEAL_TRY(const std::string stat, read_file(folder + "/stat"));
  const auto still = parse_stat(process.pid, stat, Ticks());
  if (!still || still->started != process.started)
    return make_error(ErrorCode::kNotFound, "process {} has ended", process.pid);
  return program;
}

Result<std::uint64_t> ProcReader::open_fds(const SeenProcess& process) {
  const std::string folder = fmt::format("{}/{}/fd", proc_, process.pid);
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return errno_error(errno, folder);
  // Since Linux 6.2 the size is the number, whoever asks; before that it is 0.
  if (info.st_size > 0 && is_kernel_) return static_cast<std::uint64_t>(info.st_size);
  return count_entries(folder);
}

Result<std::int64_t> ProcReader::pid_in(const std::string& pid_file) {
  HEAL_TRY(const std::string text, read_file(pid_file));
  const auto pid = parse_int(trim(text.substr(0, text.find('\n'))));
  if (!pid || *pid <= 0) return make_error(ErrorCode::kNotFound, "{} holds no pid", pid_file);
  return *pid;
}

Result<HostUsage> ProcReader::usage() {
  HEAL_TRY(const std::string stat, read_file(proc_ + "/stat", kMostTableBytes));
  HEAL_TRY(const std::string memory, read_file(proc_ + "/meminfo"));
  HostUsage usage;
  read_cpu(stat, usage);
  usage.booted_at = boot_time(stat);
  usage.forks = count_of(stat, "processes");
  usage.memory_bytes = kilobytes(memory, "MemTotal");
  usage.memory_available_bytes = kilobytes(memory, "MemAvailable");
  usage.swap_bytes = kilobytes(memory, "SwapTotal");
  usage.swap_free_bytes = kilobytes(memory, "SwapFree");
  usage.oom_kills = count_of(read_file(proc_ + "/vmstat").value_or(""), "oom_kill");
  const std::string load = read_file(proc_ + "/loadavg").value_or("");
  if (const auto words = words_of(load); words.size() >= 3)
    usage.load = {number_of<double>(words[0]), number_of<double>(words[1]), number_of<double>(words[2])};
  for (const char* resource : {"cpu", "io", "memory"}) {
    const Result<std::string> text = read_file(fmt::format("{}/pressure/{}", proc_, resource));
    if (text.has_value()) usage.pressure.emplace(resource, pressure_of(*text));
  }
  return usage;
}

Result<FilesystemUsage> ProcReader::filesystem(const std::string& mount_point) {
  // Of a folder where nothing is mounted the kernel tells what the file system above has, which is another one.
  HEAL_TRY(const std::string mounts, read_file(proc_ + "/self/mountinfo", kMostTableBytes));
  const std::string wanted = in_mountinfo(mount_point);
  bool is_mounted = false;
  for (const std::string_view line : split(mounts, '\n')) {
    const auto words = words_of(line);
    is_mounted = is_mounted || (words.size() > 4 && words[4] == wanted);
  }
  if (!is_mounted) return make_error(ErrorCode::kNotFound, "nothing is mounted at {}", printable(mount_point));
  struct statvfs info {};
  if (::statvfs(mount_point.c_str(), &info) != 0) return errno_error(errno, mount_point);
  FilesystemUsage usage;
  usage.size_bytes = std::uint64_t{info.f_blocks} * info.f_frsize;
  usage.available_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  usage.files = info.f_files;
  usage.files_free = info.f_ffree;
  usage.is_read_only = (info.f_flag & ST_RDONLY) != 0;
  return usage;
}

}  // namespace heal
