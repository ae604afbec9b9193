#pragma once

#include <stop_token>
#include <thread>

#include "common/base/time.h"

namespace heal {

/// A stop that comes `grace` after another one: for a call whose answer is worth waiting for. Real time; its thread
/// begins with the stop. Thread-safe.
class LateStop {
 public:
  LateStop(const std::stop_token& stop, Duration grace) : grace_(grace), on_stop_(stop, Begin{this}) {}
  LateStop(const LateStop&) = delete;
  LateStop& operator=(const LateStop&) = delete;

  std::stop_token token() const { return late_.get_token(); }

 private:
  struct Begin {
    LateStop* self;
    void operator()() const { self->begin(); }
  };
  void begin();

  const Duration grace_;
  std::stop_source late_;
  std::jthread timer_;
  std::stop_callback<Begin> on_stop_;  // the last: its end waits for begin()
};

}  // namespace heal
