#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/quiet.h"

namespace heal::test {

using heal::all_others_sleep;

/// How long a test waits, in real time, for what must come: no measure of speed, but the difference between slow on a
/// busy machine and never.
inline constexpr std::chrono::minutes kPatience{2};

/// Waits, without moving any clock, until `done` holds. Fails the test, with what `why` says, when patience is over.
inline void await(const std::function<bool()>& done, const std::function<std::string()>& why) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) FAIL("it did not happen\n" << why());
    std::this_thread::yield();
  }
}

/// Lets the time of `clock` pass while all other threads sleep, until `done` holds; then until they sleep again, so
/// that who tells of what has happened has told everybody. Fails the test, with what `why` says, when patience is over.
inline void run_until(FakeClock& clock, const std::function<bool()>& done, const std::function<std::string()>& why) {
  const auto arrived = [&] {
    const bool is_quiet = all_others_sleep();
    // Asked when nobody is at work: what was awaited may have come after the question before.
    if (done()) return true;
    if (is_quiet) clock.advance_to_next();
    return false;
  };
  await(arrived, why);
  await(all_others_sleep, why);
}

}  // namespace heal::test
