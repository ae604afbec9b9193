#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/base/small_file.h"
#include "common/base/text.h"
#include "common/system/fault_holder/cgroups.h"
#include "common/system/fault_holder/things.h"

namespace heal {
namespace {

constexpr std::int64_t kDefaultBytes = 256 * kMiB;
constexpr std::int64_t kMostBytes = 1024 * kMiB;
constexpr std::int64_t kDefaultPids = 200;
constexpr char kReady = 'r';
constexpr char kFull = 'f';

/// 15 characters at most: what the kernel keeps of a name. Sweeping finds them by it.
std::string worker_name(const HolderOrder& order) {
  return "heal-" + order.lease.substr(order.lease.size() - std::min<std::size_t>(order.lease.size(), 10));
}

/// What a worker does in the container's groups until it is killed. Says kReady, or kFull, through `done`, once.
using Work = std::function<void(int done)>;

void say_byte(int file, char byte) {
  [[maybe_unused]] const auto written = ::write(file, &byte, 1);
}

[[noreturn]] void sleep_for_ever() {
  for (;;)
    ::pause();
}

[[noreturn]] void burn(int done) {
  say_byte(done, kReady);
  volatile std::uint64_t turns = 0;
  for (;;) {
    const std::uint64_t next = turns + 1;
    turns = next;
  }
}

[[noreturn]] void take_memory(int done, std::int64_t bytes) {
  void* memory =
      ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(1);
  auto* pages = static_cast<volatile char*>(memory);
  for (std::int64_t at = 0; at < bytes; at += 4096)
    pages[at] = 1;
  say_byte(done, kReady);
  sleep_for_ever();
}

/// One process per count: where the limit is reached, that is the fault.
[[noreturn]] void take_pids(int done, std::int64_t count) {
  const pid_t parent = ::getpid();
  char end = kReady;
  for (std::int64_t i = 1; i < count && end == kReady; ++i) {
    const pid_t child = ::fork();
    if (child < 0) end = kFull;
    if (child != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    sleep_for_ever();
  }
  say_byte(done, end);
  sleep_for_ever();
}

/// Processes of ours in the container's control groups: what limits the container limits them too, and they die with
/// us. The kernel's OOM killer takes them first.
class Stress : public HeldThing {
 public:
  explicit Stress(const HolderOrder& order) : order_(order) {}
  ~Stress() override { kill_workers(); }

  Status check() override {
    HEAL_TRY(groups_, ContainerGroups::of(order_.pid, order_.container));
    if (order_.kind == "cpu") return {};
    return order_.kind == "memory" ? plan_memory() : plan_pids();
  }

  Result<std::string> begin() override {
    if (order_.kind == "cpu") return begin_cpu();
    if (order_.kind == "memory") {
      HEAL_TRY_STATUS(start([this](int done) { take_memory(done, bytes_); }));
      return fmt::format("{} taken", mib(bytes_));
    }
    HEAL_TRY(const char end, start([this](int done) { take_pids(done, count_); }));
    return end == kFull ? std::string("processes up to the limit") : fmt::format("{} processes", count_);
  }

  Status end() override {
    kill_workers();
    const auto groups = ContainerGroups::of(order_.pid, order_.container);
    // The container's process has ended, and its groups with it.
    if (!groups) return {};
    const auto left = groups->processes_named(worker_name(order_));
    for (const std::int64_t pid : left)
      ::kill(static_cast<pid_t>(pid), SIGKILL);
    if (left.empty()) return {};
    return make_error(ErrorCode::kConflict, "{} processes of fault {} are still there", left.size(), order_.kind);
  }

 private:
  Status plan_memory() {
    const auto used = groups_->memory_used();
    const auto limit = groups_->memory_limit();
    if (!used) return make_error(ErrorCode::kRefused, "fault memory: the container's memory cannot be read");
    const bool is_given = order_.settings.count("size") != 0;
    bytes_ = setting_number(order_, "size", kDefaultBytes);
    std::int64_t most = kMostBytes;
    if (limit) {
      // A rest stays free, whatever is asked for: the container is to be short of memory, not killed.
      most = *limit - std::max(*limit / 20, 2 * kMiB) - *used;
      if (!is_given) bytes_ = *limit / 100 * setting_number(order_, "percent", 90) - *used;
      bytes_ = is_given ? bytes_ : std::min(bytes_, most);
    }
    if (bytes_ < kMiB && !is_given)
      return make_error(ErrorCode::kRefused, "fault memory: the container uses {} of {} already", mib(*used),
                        mib(*limit));
    const auto available = available_memory();
    if (!available || bytes_ > *available / 2) {
      return make_error(ErrorCode::kRefused,
                        "fault memory: {} would be more than half of what the machine has free ({})", mib(bytes_),
                        mib(available.value_or(0)));
    }
    if (bytes_ <= most) return {};
    return make_error(ErrorCode::kRefused, "fault memory: {} would not leave a rest: the container uses {} of {}",
                      mib(bytes_), mib(*used),
                      limit ? mib(*limit) : "what there is, and without a limit 1024 MiB is the most");
  }

  static std::optional<std::int64_t> available_memory() {
    const std::string told = read_small_file("/proc/meminfo");
    for (const auto line : split(told, '\n')) {
      if (!line.starts_with("MemAvailable:")) continue;
      const auto words = split(trim(line.substr(13)), ' ');
      const auto kib = words.empty() ? std::nullopt : parse_int(words[0]);
      return kib ? std::optional(*kib * 1024) : std::nullopt;
    }
    return std::nullopt;
  }

  Status plan_pids() {
    const auto limit = groups_->pids_limit();
    const bool is_given = order_.settings.count("count") != 0;
    count_ = setting_number(order_, "count", kDefaultPids);
    if (!is_given && limit) count_ = std::max<std::int64_t>(*limit - groups_->pids_used().value_or(0), 1);
    const auto machine = parse_int(trim(read_small_file("/proc/sys/kernel/pid_max"))).value_or(32768);
    if (count_ <= machine / 4) return {};
    return make_error(ErrorCode::kRefused, "fault pids: {} processes would be more than a quarter of the machine's {}",
                      count_, machine);
  }

  Result<std::string> begin_cpu() {
    const std::int64_t machine = std::max(::get_nprocs(), 1);
    const std::int64_t most = groups_->has_cpu_limit() ? machine : std::max<std::int64_t>(machine - 1, 1);
    const std::int64_t busy = std::clamp<std::int64_t>(setting_number(order_, "cpus", 1), 1, most);
    for (std::int64_t i = 0; i < busy; ++i)
      HEAL_TRY_STATUS(start(burn));
    return fmt::format("{} CPUs busy", busy);
  }

  /// Starts a worker and waits until it has done what it does; the byte that it said.
  Result<char> start(const Work& work) {
    int ends[2];
    if (::pipe(ends) != 0) return errno_error(errno, "pipe");
    const pid_t parent = ::getpid();
    const pid_t worker = ::fork();
    if (worker == 0) {
      ::close(ends[0]);
      run_worker(work, parent, ends[1]);
    }
    ::close(ends[1]);
    if (worker > 0) workers_.push_back(worker);
    char said = 0;
    ssize_t got = -1;
    while (worker > 0 && (got = ::read(ends[0], &said, 1)) < 0 && errno == EINTR) {
    }
    ::close(ends[0]);
    if (got == 1) return said;
    return make_error(ErrorCode::kConflict, "fault {}: the process that was to bring it about has ended", order_.kind);
  }

  [[noreturn]] void run_worker(const Work& work, pid_t parent, int done) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, worker_name(order_).c_str());
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // When all else fails: the kernel ends it a little after the time of the fault.
    ::alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(order_.left).count() + 1));
    write_oom_score();
    if (::getppid() != parent || !groups_->enter()) ::_exit(1);
    work(done);
    ::_exit(0);
  }

  static void write_oom_score() {
    if (FILE* file = std::fopen("/proc/self/oom_score_adj", "we")) {
      std::fputs("1000", file);
      std::fclose(file);
    }
  }

  void kill_workers() {
    for (const pid_t worker : workers_)
      ::kill(worker, SIGKILL);
    for (const pid_t worker : workers_) {
      while (::waitpid(worker, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    workers_.clear();
  }

  const HolderOrder order_;
  std::optional<ContainerGroups> groups_;
  std::vector<pid_t> workers_;
  std::int64_t bytes_ = 0, count_ = 0;
};

}  // namespace

std::unique_ptr<HeldThing> make_stress(const HolderOrder& order) {
  return std::make_unique<Stress>(order);
}

}  // namespace heal
