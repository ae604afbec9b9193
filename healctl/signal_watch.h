#pragma once

#include <csignal>
#include <initializer_list>
#include <stop_token>
#include <thread>

namespace heal::ctl {

/// Turns signals into a stop. SIGPIPE is ignored. Made before any other thread,
/// so that no other thread takes the signals.
class SignalWatch {
 public:
  enum class Second {
    kEnds,     ///< the process, at once
    kIgnored,  ///< a shutdown may send it to us and to who passes it on
  };
  SignalWatch(std::initializer_list<int> signals, Second second);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& over);

  const Second second_;
  sigset_t signals_{};
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace heal::ctl
