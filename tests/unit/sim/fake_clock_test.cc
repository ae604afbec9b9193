#include "common/sim/fake_clock.h"

#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("the clock stands still until it is moved") {
  FakeClock clock;
  CHECK(format_rfc3339(clock.now()) == "2030-01-02T03:04:05.000Z");
  const SteadyTime start = clock.steady_now();
  clock.advance(90s);
  CHECK(format_rfc3339(clock.now()) == "2030-01-02T03:05:35.000Z");
  CHECK(clock.steady_now() - start == 90s);
  clock.set_now(FakeClock::kStart - 24h);
  CHECK(clock.steady_now() - start == 90s);
}

TEST_CASE("a sleeper wakes when its time has come and not before") {
  FakeClock clock;
  std::thread sleeper([&] { CHECK(clock.sleep_for(10s, {}) == Clock::Wake::kReached); });
  clock.wait_for_sleepers(1);
  clock.advance(9s);
  CHECK(clock.sleepers() == 1);
  CHECK(clock.next_wake() == clock.steady_now() + 1s);
  clock.advance(1s);
  CHECK(clock.sleepers() == 0);
  sleeper.join();
}

TEST_CASE("wait_for_sleepers after advance sees only who sleeps again") {
  FakeClock clock;
  std::vector<Duration> woke;
  std::thread sleeper([&] {
    const SteadyTime start = clock.steady_now();
    for (int i = 0; i < 100; ++i) {
      clock.sleep_for(1s, {});
      woke.push_back(clock.steady_now() - start);
    }
  });
  for (int i = 0; i < 100; ++i) {
    clock.wait_for_sleepers(1);
    REQUIRE(clock.advance_to_next());
  }
  sleeper.join();
  for (int i = 0; i < 100; ++i)
    CHECK(woke[static_cast<std::size_t>(i)] == std::chrono::seconds(i + 1));
  CHECK_FALSE(clock.advance_to_next());
}

TEST_CASE("who is told to stop is no sleeper from then on, before it has woken") {
  FakeClock clock;
  for (int i = 0; i < 100; ++i) {
    std::stop_source stop;
    std::thread sleeper([&] { CHECK(clock.sleep_for(10s, stop.get_token()) == Clock::Wake::kStopped); });
    clock.wait_for_sleepers(1);
    stop.request_stop();
    CHECK(clock.sleepers() == 0);
    sleeper.join();
  }
}

TEST_CASE("many sleepers wake in one move") {
  FakeClock clock;
  std::vector<std::jthread> sleepers;
  for (int i = 1; i <= 8; ++i)
    sleepers.emplace_back([&clock, i] { clock.sleep_for(std::chrono::seconds(i), {}); });
  clock.wait_for_sleepers(8);
  clock.advance(4s);
  CHECK(clock.sleepers() == 4);
  clock.advance(4s);
  CHECK(clock.sleepers() == 0);
}

TEST_CASE("a clock that sleeping moves needs nobody else") {
  FakeClock clock(FakeClock::Sleeping::kAdvances);
  const SteadyTime start = clock.steady_now();
  CHECK(clock.sleep_for(1h, {}) == Clock::Wake::kReached);
  CHECK(clock.steady_now() - start == 1h);
  CHECK(clock.now() == FakeClock::kStart + 1h);
}

}  // namespace
}  // namespace heal
