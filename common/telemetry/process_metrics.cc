#include "common/telemetry/process_metrics.h"

#include <dirent.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "common/base/small_file.h"
#include "common/base/text.h"

namespace heal {
namespace {

// The fields of /proc/self/stat after the command's closing parenthesis; index 0 is field 3 of proc(5).
std::vector<std::int64_t> stat_fields() {
  const std::string stat = read_small_file("/proc/self/stat");
  const auto close = stat.rfind(") ");
  std::vector<std::int64_t> fields;
  if (close == std::string::npos) return fields;
  for (const auto word : split(std::string_view(stat).substr(close + 2), ' ')) {
    fields.push_back(parse_int(trim(word)).value_or(0));
  }
  return fields;
}

std::int64_t boot_time() {
  const std::string text = read_small_file("/proc/stat");
  for (const auto line : split(text, '\n')) {
    if (line.starts_with("btime ")) return parse_int(line.substr(6)).value_or(0);
  }
  return 0;
}

int open_fds() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(directory);
  return count - 1;  // the directory itself was open
}

}  // namespace

void write_process_metrics(ExpositionWriter& writer) {
  constexpr std::size_t kUtime = 11, kStime = 12, kThreads = 17, kStartTime = 19, kVsize = 20, kRss = 21;
  const auto fields = stat_fields();
  if (fields.size() > kRss) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    writer.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                   static_cast<double>(fields[kUtime] + fields[kStime]) / ticks);
    writer.gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
                 static_cast<double>(fields[kRss]) * page);
    writer.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", static_cast<double>(fields[kVsize]));
    writer.gauge("process_threads", "Number of operating system threads in the process.",
                 static_cast<double>(fields[kThreads]));
    writer.gauge("process_start_time_seconds", "Start time of the process since the epoch in seconds.",
                 static_cast<double>(boot_time()) + static_cast<double>(fields[kStartTime]) / ticks);
  }
  if (const int count = open_fds(); count >= 0) {
    writer.gauge("process_open_fds", "Number of open file descriptors.", count);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    writer.gauge("process_max_fds", "Maximum number of open file descriptors.", static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace heal
