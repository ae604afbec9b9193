#include "webhook/actuator/streams.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace heal::actuator {

void Streams::reap(std::list<Running>& over) {
  for (auto each = running_.begin(); each != running_.end();) {
    const auto next = std::next(each);
    if (each->is_over) over.splice(over.end(), running_, each);
    each = next;
  }
}

bool Streams::start(std::size_t most, Task task) {
  std::list<Running> over;  // joined when the lock is gone
  MutexLock lock(mutex_);
  reap(over);
  if (is_stopped_ || running_.size() >= most) return false;
  Running& mine = running_.emplace_back();
  try {
    mine.thread = std::jthread([this, &mine, task = std::move(task)](std::stop_token stop) {
      task(std::move(stop));
      MutexLock inner(mutex_);
      mine.is_over = true;
    });
  } catch (const std::system_error&) {
    running_.pop_back();
    return false;
  }
  return true;
}

void Streams::stop() {
  std::list<Running> all;
  {
    MutexLock lock(mutex_);
    is_stopped_ = true;
    all.swap(running_);
  }
  for (auto& each : all)
    each.thread.request_stop();
}

std::size_t Streams::running() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(running_.begin(), running_.end(), [](const Running& each) { return !each.is_over; }));
}

}  // namespace heal::actuator
