#include "common/remedy/worker_pool.h"

#include <future>
#include <new>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"

namespace heal::remedy::test {
namespace {

TEST_CASE("a job that ends with an exception is given up, and the next one runs") {
  FakeClock clock;
  WorkerPool pool(1, clock);
  std::promise<void> given_up, ran;
  pool.submit([](std::stop_token) { throw std::bad_alloc(); }, [&] { given_up.set_value(); });
  pool.submit([](std::stop_token) { throw std::bad_alloc(); });
  pool.submit([&](std::stop_token) { ran.set_value(); }, [] { FAIL("it ran"); });
  given_up.get_future().wait();
  ran.get_future().wait();
}

TEST_CASE("who waits for a job that is dropped is told, whether it was queued or comes too late") {
  FakeClock clock;
  WorkerPool pool(1, clock);
  std::promise<void> begun, end;
  pool.submit([&](std::stop_token) {
    begun.set_value();
    end.get_future().wait();
  });
  begun.get_future().wait();
  int dropped = 0;
  pool.submit([](std::stop_token) { FAIL("it was dropped"); }, [&] { ++dropped; });
  pool.drain();
  CHECK(dropped == 1);
  pool.submit([](std::stop_token) { FAIL("it is too late"); }, [&] { ++dropped; });
  CHECK(dropped == 2);
  end.set_value();
  pool.stop();
}

}  // namespace
}  // namespace heal::remedy::test
