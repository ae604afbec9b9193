#include "common/system/fault_holder/holder.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"
#include "common/system/fault_holder/things.h"

namespace heal {
namespace {

using Task = HolderOrder::Task;
using Say = std::function<void(const std::string&)>;

constexpr int kEndTries = 20;
constexpr auto kEndPause = 50ms;

/// Holds nothing: the container's label is what it is there for.
class Mark : public HeldThing {
 public:
  Status check() override { return {}; }
  Result<std::string> begin() override { return std::string("mark"); }
  Status end() override { return {}; }
};

std::unique_ptr<HeldThing> make_thing(const HolderOrder& order) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> kinds) {
    return std::find(kinds.begin(), kinds.end(), order.kind) != kinds.end();
  };
  if (order.kind == kMarkKind) return std::make_unique<Mark>();
  if (is_one_of({"cpu", "memory", "pids"})) return make_stress(order);
  if (is_one_of({"disk"})) return make_disk_fill(order);
  if (is_one_of({"dependency", "unseen", "loss", "http-errors"})) return make_packet_rules(order);
  if (is_one_of({"bandwidth", "latency", "corrupt", "duplicate", "reorder"})) return make_queue(order);
  return nullptr;
}

/// What a mark stands for outlives the container's process, which may have ended before it.
bool ends_with_process(const HolderOrder& order) {
  return order.kind != kMarkKind;
}

/// Becomes readable at the end of the fault's time, by a clock that nobody can set and that runs while the machine
/// sleeps.
ScopedFd end_timer(Duration left) {
  ScopedFd timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
  const auto nanoseconds = std::max<std::int64_t>(left.count(), 1);
  itimerspec at{};
  at.it_value.tv_sec = nanoseconds / 1'000'000'000;
  at.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  if (timer && ::timerfd_settime(timer.get(), 0, &at, nullptr) != 0) timer.reset();
  return timer;
}

ScopedFd stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return ScopedFd(::signalfd(-1, &signals, SFD_CLOEXEC));
}

/// Everything that ends a fault.
class Ends {
 public:
  explicit Ends(const HolderOrder& order) : signals_(stop_signals()), timer_(end_timer(order.left)) {
    if (ends_with_process(order)) process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, order.pid, 0)));
  }

  bool are_good(const HolderOrder& order) const {
    return signals_ && timer_ && (process_ || !ends_with_process(order));
  }

  /// Blocks; which it was.
  std::string_view wait() const {
    pollfd files[] = {{timer_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}};
    while (::poll(files, 3, -1) < 0 && errno == EINTR) {
    }
    if (files[2].revents != 0) return "the container's process has ended";
    return files[1].revents != 0 ? "told to stop" : "its time is over";
  }

 private:
  ScopedFd signals_, timer_, process_;
};

/// The kernel may need a moment until what was killed is gone.
Status end_patiently(HeldThing& thing) {
  Status ended = thing.end();
  for (int i = 1; i < kEndTries && !ended; ++i) {
    ::usleep(static_cast<useconds_t>(std::chrono::duration_cast<std::chrono::microseconds>(kEndPause).count()));
    ended = thing.end();
  }
  return ended;
}

int fail(const Say& say, const Error& error, int code) {
  say(error.message());
  return code;
}

int hold(HeldThing& thing, const HolderOrder& order, const Say& say) {
  const Ends ends(order);
  if (!ends.are_good(order)) {
    say(fmt::format("process {} of container {} is not there", order.pid, order.container.substr(0, 12)));
    return kHolderRefused;
  }
  if (const Status possible = thing.check(); !possible) return fail(say, possible.error(), kHolderRefused);
  const auto begun = thing.begin();
  std::string_view why = "it could not be brought about";
  if (begun) {
    say(fmt::format("{} {}", kAppliedWord, *begun));
    why = ends.wait();
  }
  const Status ended = end_patiently(thing);
  if (!ended) return fail(say, ended.error(), kHolderFailed);
  // Nothing is left of it: as good as never touched.
  if (!begun) return fail(say, begun.error(), kHolderRefused);
  say(fmt::format("undone: {}", why));
  return kHolderDone;
}

}  // namespace

std::int64_t setting_number(const HolderOrder& order, const std::string& name, std::int64_t fallback) {
  return parse_int(setting_text(order, name)).value_or(fallback);
}

std::string setting_text(const HolderOrder& order, const std::string& name) {
  const auto found = order.settings.find(name);
  return found == order.settings.end() ? std::string() : found->second;
}

std::string mib(std::int64_t bytes) {
  return fmt::format("{} MiB", bytes / kMiB);
}

int run_fault_holder(const std::vector<std::string>& arguments, const Say& say) {
  const auto order = parse_holder_arguments(arguments);
  if (!order) return fail(say, order.error(), kHolderRefused);
  const auto thing = make_thing(*order);
  if (!thing) {
    say(fmt::format("fault holder: unknown kind \"{}\"", order->kind));
    return kHolderRefused;
  }
  if (order->task == Task::kHold) return hold(*thing, *order, say);
  const Status done = order->task == Task::kProbe ? thing->check() : end_patiently(*thing);
  if (done) return kHolderDone;
  return fail(say, done.error(), order->task == Task::kProbe ? kHolderRefused : kHolderFailed);
}

}  // namespace heal
