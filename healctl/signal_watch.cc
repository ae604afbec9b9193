#include "healctl/signal_watch.h"

#include <unistd.h>

#include "healctl/exit_code.h"

namespace heal::ctl {

SignalWatch::SignalWatch(std::initializer_list<int> signals, Second second) : second_(second) {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  for (const int signal : signals)
    sigaddset(&signals_, signal);
  sigaddset(&signals_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::jthread([this](const std::stop_token& over) { watch(over); });
}

SignalWatch::~SignalWatch() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), SIGUSR1);
}

void SignalWatch::watch(const std::stop_token& over) {
  // SIGUSR1 only wakes it to see whether the program is over.
  for (int signal = 0; sigwait(&signals_, &signal) == 0 && !over.stop_requested();) {
    const bool is_second = signal != SIGUSR1 && !stop_.request_stop();
    if (is_second && second_ == Second::kEnds) _exit(static_cast<int>(Exit::kInterrupted));
  }
}

}  // namespace heal::ctl
