#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"
#include "common/base/time.h"

namespace heal::system {

/// An epoll loop on a thread of its own, which blocks all signals. Only post() and now() may be called from other
/// threads; everything else belongs to the loop thread.
class EventLoop {
 public:
  using Task = std::function<void()>;
  using FdHandler = std::function<void(std::uint32_t epoll_events)>;
  using Id = std::uint64_t;

  EventLoop();
  /// stop()s.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  SteadyTime now() const;
  /// Runs `task` on the loop thread, in order of posting, and destroys it there. Dropped after stop(). The loop must
  /// outlive the call.
  void post(Task task) HEAL_EXCLUDES(mutex_);
  /// Runs what is posted already, then ends the thread. From outside the loop thread; further calls do nothing.
  void stop() HEAL_EXCLUDES(mutex_);

  /// Calls `handler` when one of `epoll_events` happens on `fd`, until forget().
  Id watch(int fd, std::uint32_t epoll_events, FdHandler handler);
  void rewatch(Id id, std::uint32_t epoll_events);
  /// Must come before `fd` is closed. May be called from the handler itself.
  void forget(Id id);

  Id call_at(SteadyTime when, Task task);
  void cancel(Id id);

 private:
  struct Watch {
    int fd;
    std::shared_ptr<FdHandler> handler;
  };

  void run();
  void run_posted() HEAL_EXCLUDES(mutex_);
  void run_timers();
  int wait_milliseconds() const;
  bool stopping() HEAL_EXCLUDES(mutex_);
  bool is_work_posted() HEAL_EXCLUDES(mutex_);
  void wake();

  ScopedFd epoll_, wake_;
  // Loop thread only.
  Id next_id_ = 1;
  std::unordered_map<Id, Watch> watches_;
  std::map<std::pair<SteadyTime, Id>, Task> timers_;
  std::unordered_map<Id, SteadyTime> timer_times_;

  Mutex mutex_;
  std::vector<Task> posted_ HEAL_GUARDED_BY(mutex_);
  bool stop_ HEAL_GUARDED_BY(mutex_) = false;
  std::atomic<std::thread::id> own_thread_{};
  std::thread thread_;
};

}  // namespace heal::system
