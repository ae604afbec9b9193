#include "common/remedy/alarm.h"

#include <utility>

namespace heal::remedy {

Alarm::Alarm(Clock& clock, std::function<void()> ring) : clock_(clock), ring_(std::move(ring)) {
  thread_ = std::thread([this] { run(); });
}

Alarm::~Alarm() {
  std::stop_source sleeping;
  {
    MutexLock lock(mutex_);
    is_stopping_ = true;
    sleeping = sleeping_;
  }
  sleeping.request_stop();
  changed_.notify_all();
  thread_.join();
}

void Alarm::set(std::optional<SteadyTime> when) {
  std::stop_source sleeping;
  {
    MutexLock lock(mutex_);
    if (when_ == when) return;
    when_ = when;
    sleeping = sleeping_;
  }
  sleeping.request_stop();
  changed_.notify_all();
}

void Alarm::run() {
  for (;;) {
    SteadyTime when;
    std::stop_token stop;
    {
      MutexLock lock(mutex_);
      while (!when_ && !is_stopping_)
        changed_.wait(mutex_);
      if (is_stopping_) return;
      when = *when_;
      sleeping_ = std::stop_source();
      stop = sleeping_.get_token();
    }
    if (clock_.sleep_until(when, stop) != Clock::Wake::kReached) continue;
    {
      MutexLock lock(mutex_);
      if (is_stopping_ || when_ != when) continue;
      when_.reset();
    }
    ring_();
  }
}

}  // namespace heal::remedy
