#include <arpa/inet.h>
#include <memory>
#include <netinet/in.h>
#include <set>
#include <sys/socket.h>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "common/base/scoped_fd.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sequence_random.h"
#include "common/sim/sim_dialer.h"
#include "common/system/system_clock.h"
#include "common/system/system_random.h"
#include "common/system/tcp_dialer.h"
#include "tests/support/code_of.h"

namespace heal {
namespace {

using test::code_of;

std::unique_ptr<Clock> any_clock() {
  if (GENERATE(false, true)) return std::make_unique<SystemClock>();
  return std::make_unique<FakeClock>(FakeClock::Sleeping::kAdvances);
}

TEST_CASE("a clock sleeps until the moment and not less") {
  const auto clock = any_clock();
  const SteadyTime when = clock->deadline_in(2ms);
  const WallTime before = clock->now();
  CHECK(clock->sleep_until(when, {}) == Clock::Wake::kReached);
  CHECK(clock->steady_now() >= when);
  CHECK(clock->now() >= before);
  CHECK(clock->sleep_until(when, {}) == Clock::Wake::kReached);
  CHECK(clock->sleep_for(-1h, {}) == Clock::Wake::kReached);
}

TEST_CASE("a stop wakes a sleeper, also one that sleeps for ever") {
  const auto clock = any_clock();
  std::stop_source stop;
  Clock::Wake wake = Clock::Wake::kReached;
  std::thread sleeper([&] { wake = clock->sleep_until(SteadyTime::max(), stop.get_token()); });
  stop.request_stop();
  sleeper.join();
  CHECK(wake == Clock::Wake::kStopped);
  CHECK(clock->sleep_for(1h, stop.get_token()) == Clock::Wake::kStopped);
}

TEST_CASE("random numbers differ, and fractions stay below 1") {
  std::unique_ptr<Random> random = std::make_unique<SystemRandom>();
  if (GENERATE(false, true)) random = std::make_unique<SequenceRandom>();
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) {
    numbers.insert(random->next());
    const double fraction = random->fraction();
    REQUIRE((fraction >= 0 && fraction < 1));
  }
  CHECK(numbers.size() == 1000);
}

/// Addresses that accept, refuse and never answer.
class DialFixture {
 public:
  virtual ~DialFixture() = default;
  virtual Dialer& dialer() = 0;
  virtual Clock& clock() = 0;
  virtual std::string accepting() = 0;
  virtual std::string refusing() = 0;
  virtual std::string silent() = 0;
};

class SimDial : public DialFixture {
 public:
  SimDial() {
    dialer_.set("10.0.0.1:80", SimDialer::Behaviour::kAccepts);
    dialer_.set("10.0.0.3:80", SimDialer::Behaviour::kDrops);
  }
  Dialer& dialer() override { return dialer_; }
  Clock& clock() override { return clock_; }
  std::string accepting() override { return "10.0.0.1:80"; }
  std::string refusing() override { return "10.0.0.2:80"; }
  std::string silent() override { return "10.0.0.3:80"; }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimDialer dialer_{clock_};
};

class RealDial : public DialFixture {
 public:
  RealDial() {
    listener_ = make_listener(16, listening_);
    full_ = make_listener(0, silent_);
    // A queue of length 0 holds one connection; the kernel lets further ones wait without an answer.
    for (ScopedFd& fd : fillers_) {
      fd = ScopedFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)connect(fd.get(), reinterpret_cast<const sockaddr*>(&silent_), sizeof(silent_));
    }
  }
  Dialer& dialer() override { return dialer_; }
  Clock& clock() override { return clock_; }
  std::string accepting() override { return text(listening_); }
  std::string refusing() override { return "127.0.0.1:1"; }
  std::string silent() override { return text(silent_); }
  int listener() const { return listener_.get(); }

 private:
  static ScopedFd make_listener(int backlog, sockaddr_in& address) {
    ScopedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    HEAL_CHECK(bind(fd.get(), generic, size) == 0 && listen(fd.get(), backlog) == 0, "a free port can listen");
    HEAL_CHECK(getsockname(fd.get(), generic, &size) == 0, "it has a port");
    return fd;
  }
  static std::string text(const sockaddr_in& address) { return "127.0.0.1:" + std::to_string(ntohs(address.sin_port)); }

  SystemClock clock_;
  TcpDialer dialer_;
  sockaddr_in listening_{}, silent_{};
  ScopedFd listener_, full_;
  ScopedFd fillers_[3];
};

std::unique_ptr<DialFixture> dial_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealDial>();
  return std::make_unique<SimDial>();
}

TEST_CASE("a dialer tells listening, refusing and silent apart") {
  const auto fixture = dial_fixture();
  Dialer& dialer = fixture->dialer();
  CHECK(code_of(dialer.connect(fixture->accepting(), fixture->clock().deadline_in(20s), {})) == "ok");
  const auto refused = dialer.connect(fixture->refusing(), fixture->clock().deadline_in(20s), {});
  CHECK(code_of(refused) == "unreachable");
  CHECK(refused.error().str() == "connect to " + fixture->refusing() + ": connection refused");
  const auto silent = dialer.connect(fixture->silent(), fixture->clock().deadline_in(50ms), {});
  CHECK(code_of(silent) == "timeout");
  CHECK(silent.error().str() == "connect to " + fixture->silent() + ": timed out");
}

TEST_CASE("a dialer refuses what is no address and stops when told") {
  const auto fixture = dial_fixture();
  const Deadline soon = fixture->clock().deadline_in(20s);
  for (const char* address : {"", "localhost", ":80", "a:0", "a:65536", "a:b", "::1:80", "[::1]", "a b:80", "u@h:80"}) {
    CAPTURE(address);
    CHECK(code_of(fixture->dialer().connect(address, soon, {})) == "invalid");
  }
  std::stop_source stop;
  stop.request_stop();
  CHECK(code_of(fixture->dialer().connect(fixture->accepting(), soon, stop.get_token())) == "cancelled");
  std::stop_source later;
  std::string code;
  std::thread caller(
      [&] { code = code_of(fixture->dialer().connect(fixture->silent(), SteadyTime::max(), later.get_token())); });
  later.request_stop();
  caller.join();
  CHECK(code == "cancelled");
}

TEST_CASE("a dialled connection is closed at once, and names are resolved") {
  RealDial fixture;
  const Deadline soon = fixture.clock().deadline_in(20s);
  const std::string port = fixture.accepting().substr(fixture.accepting().rfind(':'));
  CHECK(code_of(fixture.dialer().connect("localhost" + port, soon, {})) == "ok");
  const ScopedFd accepted(accept(fixture.listener(), nullptr, nullptr));
  char byte = 0;
  CHECK(recv(accepted.get(), &byte, 1, 0) == 0);
  CHECK(code_of(fixture.dialer().connect("no-such-host.invalid:80", soon, {})) == "unreachable");
}

}  // namespace
}  // namespace heal
