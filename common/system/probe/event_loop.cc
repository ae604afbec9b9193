#include "common/system/probe/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "common/base/check.h"

namespace heal::system {
namespace {

constexpr std::uint64_t kWakeId = 0;
/// What tasks post in turn is run without looking at the descriptors in between, so often.
constexpr int kMostRounds = 8;

/// Signals belong to the program's own thread; a write to a closed socket must be an error and not SIGPIPE.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  HEAL_CHECK(epoll_ && wake_, "no descriptor left for an event loop");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // every write counts; nobody has to read
  event.data.u64 = kWakeId;
  HEAL_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0, "epoll_ctl on an eventfd");
  thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() {
  stop();
}

SteadyTime EventLoop::now() const {
  return std::chrono::steady_clock::now();
}

void EventLoop::post(Task task) {
  {
    MutexLock lock(mutex_);
    if (stop_) return;
    posted_.push_back(std::move(task));
    if (posted_.size() > 1) return;
  }
  // The loop itself looks before it waits.
  if (std::this_thread::get_id() != own_thread_.load(std::memory_order_relaxed)) wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void EventLoop::stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

EventLoop::Id EventLoop::watch(int fd, std::uint32_t epoll_events, FdHandler handler) {
  const Id id = next_id_++;
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = id;
  watches_.emplace(id, Watch{fd, std::make_shared<FdHandler>(std::move(handler))});
  // A failure (no memory) leaves the descriptor silent; the probe's deadline then ends it.
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  return id;
}

void EventLoop::rewatch(Id id, std::uint32_t epoll_events) {
  const auto it = watches_.find(id);
  if (it == watches_.end()) return;
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = id;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, it->second.fd, &event);
}

void EventLoop::forget(Id id) {
  const auto it = watches_.find(id);
  if (it == watches_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.fd, nullptr);
  watches_.erase(it);
}

EventLoop::Id EventLoop::call_at(SteadyTime when, Task task) {
  const Id id = next_id_++;
  timers_.emplace(std::pair(when, id), std::move(task));
  timer_times_.emplace(id, when);
  return id;
}

void EventLoop::cancel(Id id) {
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return;
  timers_.erase({it->second, id});
  timer_times_.erase(it);
}

bool EventLoop::stopping() {
  MutexLock lock(mutex_);
  return stop_ && posted_.empty();
}

bool EventLoop::is_work_posted() {
  MutexLock lock(mutex_);
  return !posted_.empty();
}

int EventLoop::wait_milliseconds() const {
  if (timers_.empty()) return -1;
  const Duration left = timers_.begin()->first.first - now();
  if (left <= Duration::zero()) return 0;
  // Rounded up: waking early would only spin.
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(rounded, 60'000));
}

void EventLoop::run() {
  block_signals();
  own_thread_.store(std::this_thread::get_id());
  std::array<epoll_event, 128> events;
  while (!stopping()) {
    const int wait = is_work_posted() ? 0 : wait_milliseconds();
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kWakeId) continue;
      const std::uint64_t id = event.data.u64;  // a copy: epoll_event is packed, nothing may refer into it
      const auto it = watches_.find(id);
      if (it == watches_.end()) continue;
      // Held: the handler may forget itself.
      const std::shared_ptr<FdHandler> handler = it->second.handler;
      (*handler)(event.events);
    }
    run_timers();
    run_posted();
  }
}

void EventLoop::run_posted() {
  for (int round = 0; round < kMostRounds; ++round) {
    std::vector<Task> tasks;
    {
      MutexLock lock(mutex_);
      if (posted_.empty()) return;
      tasks.swap(posted_);
    }
    for (Task& task : tasks)
      std::exchange(task, nullptr)();
  }
}

void EventLoop::run_timers() {
  const SteadyTime current = now();
  while (!timers_.empty() && timers_.begin()->first.first <= current) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    node.mapped()();
  }
}

}  // namespace heal::system
