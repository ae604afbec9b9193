#include "common/sim/fake_clock.h"

#include <utility>

namespace heal {

WallTime FakeClock::now() {
  MutexLock lock(mutex_);
  return wall_;
}

SteadyTime FakeClock::steady_now() {
  MutexLock lock(mutex_);
  return steady_;
}

Clock::Wake FakeClock::sleep_until(SteadyTime when, std::stop_token stop) {
  std::optional<std::multiset<SteadyTime>::iterator> counted;
  // Made and destroyed without the lock: both may have to wait for the callback, which takes it.
  const std::stop_callback wake_on_stop(stop, [&] {
    MutexLock lock(mutex_);
    // As in move_to(): who is told to stop leaves the count at once, and not when it wakes.
    if (counted && steady_ < when) wakes_.erase(*counted);
    counted.reset();
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  if (stop.stop_requested()) return Wake::kStopped;
  if (sleeping_ == Sleeping::kAdvances && when != SteadyTime::max()) move_to(when);
  if (steady_ >= when) return Wake::kReached;
  counted = wakes_.insert(when);
  changed_.notify_all();
  while (steady_ < when && counted)
    changed_.wait(mutex_);
  counted.reset();
  return steady_ >= when ? Wake::kReached : Wake::kStopped;
}

void FakeClock::advance(Duration by) {
  MutexLock lock(mutex_);
  move_to(steady_ + by);
}

bool FakeClock::advance_to_next() {
  MutexLock lock(mutex_);
  if (wakes_.empty() || *wakes_.begin() == SteadyTime::max()) return false;
  move_to(*wakes_.begin());
  return true;
}

void FakeClock::set_now(WallTime now) {
  MutexLock lock(mutex_);
  wall_ = now;
}

std::size_t FakeClock::sleepers() {
  MutexLock lock(mutex_);
  return wakes_.size();
}

std::optional<SteadyTime> FakeClock::next_wake() {
  MutexLock lock(mutex_);
  return wakes_.empty() ? std::nullopt : std::optional(*wakes_.begin());
}

void FakeClock::wait_for_sleepers(std::size_t count) {
  MutexLock lock(mutex_);
  while (wakes_.size() < count)
    changed_.wait(mutex_);
}

void FakeClock::move_to(SteadyTime when) {
  if (when <= steady_) return;
  wall_ += when - steady_;
  steady_ = when;
  // Whoever is done leaves the count here and not when it wakes, so that wait_for_sleepers() after advance() sees only
  // who sleeps again.
  wakes_.erase(wakes_.begin(), wakes_.upper_bound(steady_));
  changed_.notify_all();
}

}  // namespace heal
