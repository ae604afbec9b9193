#include "common/system/host_processes.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/scoped_fd.h"
#include "common/base/small_file.h"
#include "common/base/text.h"

namespace heal {
namespace {

constexpr std::size_t kFullId = 64;
constexpr std::size_t kShortId = 12;
/// For taking away a helper whose time is spent.
constexpr Duration kCleanUpTime = 5s;
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// The first run of exactly 64 hex digits in `text`.
std::string find_full_id(std::string_view text) {
  for (std::size_t begin = text.find_first_of(kHexDigits); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_not_of(kHexDigits, begin), text.size());
    if (end - begin == kFullId) return std::string(text.substr(begin, kFullId));
    begin = text.find_first_of(kHexDigits, end);
  }
  return "";
}

bool belongs_to(std::int64_t pid, const std::string& container_id) {
  return container_id.size() == kFullId &&
         read_small_file(fmt::format("/proc/{}/cgroup", pid)).find(container_id) != std::string::npos;
}

/// What a helper says that is run to its end.
Status hear(ContainerEngine& engine, const ContainerSpec& spec, Deadline deadline, const std::stop_token& stop) {
  HEAL_TRY(const std::string id, engine.run(spec, deadline, stop).with_context("fault helper"));
  HEAL_TRY(const std::int64_t code, engine.wait(id, deadline, stop).with_context("fault helper"));
  if (code == 0) return {};
  const auto words = engine.logs_tail(id, 5, 500, deadline, stop).value_or("");
  return make_error(ErrorCode::kConflict, "fault helper ended with {}: {}", code, printable(trim(words)));
}

}  // namespace

Status kill_container_process(std::int64_t pid, const std::string& container_id) {
  const auto not_its = [&] {
    return make_error(ErrorCode::kConflict, "process {} is not one of container {}", pid, container_id);
  };
  if (pid <= 1) return not_its();
  // The descriptor is taken before the look at the cgroup: if the pid is used anew in between, the signal fails.
  ScopedFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH ? not_its() : errno_error(errno, fmt::format("open process {}", pid));
  if (!belongs_to(pid, container_id)) return not_its();
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) {
    return errno == ESRCH ? not_its() : errno_error(errno, fmt::format("kill process {}", pid));
  }
  return {};
}

Status SystemHostProcesses::kill_main_process(ContainerEngine& engine, const ContainerInfo& container,
                                              Deadline deadline, std::stop_token stop) {
  if (container.pid <= 1) {
    return make_error(ErrorCode::kConflict, "container {} has no process to kill", container.name);
  }
  if (belongs_to(container.pid, container.id)) {
    auto killed = kill_container_process(container.pid, container.id);
    if (killed || killed.error().code() == ErrorCode::kConflict) return killed;
  }
  return kill_by_helper(engine, container, deadline, stop);
}

Status SystemHostProcesses::kill_by_helper(ContainerEngine& engine, const ContainerInfo& container, Deadline deadline,
                                           const std::stop_token& stop) {
  if (helper_.image.empty()) {
    return make_error(ErrorCode::kRefused,
                      "process {} of container {} is not in reach: run this service with the host's PID namespace or "
                      "in a container of its own image",
                      container.pid, container.name);
  }
  const ContainerSpec spec = kill_helper_spec(helper_.image, container.id, container.pid, helper_.entrypoint);
  Status outcome = hear(engine, spec, deadline, stop);
  // Also when the caller has left, or was not answered: a helper that stays would be in the way of the next one.
  (void)engine.remove(spec.name, deadline + kCleanUpTime, {});
  return outcome;
}

std::string own_container_id() {
  if (auto id = find_full_id(read_small_file("/proc/self/cgroup")); !id.empty()) return id;
  // With a cgroup namespace of its own a container still sees where its /etc/hostname comes from.
  const std::string mounts = read_small_file("/proc/self/mountinfo");
  for (const auto line : split(mounts, '\n')) {
    if (line.find("/etc/hostname") == std::string_view::npos) continue;
    if (auto id = find_full_id(line); !id.empty()) return id;
  }
  const std::string host = std::string(trim(read_small_file("/proc/sys/kernel/hostname")));
  const bool is_id = host.size() == kShortId && host.find_first_not_of(kHexDigits) == std::string::npos;
  return is_id ? host : "";
}

}  // namespace heal
