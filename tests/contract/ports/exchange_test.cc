#include <arpa/inet.h>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "common/base/scoped_fd.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_dialer.h"
#include "common/system/system_clock.h"
#include "common/system/tcp_dialer.h"
#include "tests/support/code_of.h"
#include "tests/support/temp_folder.h"

namespace heal {
namespace {

using test::code_of;

constexpr std::size_t kLongAnswer = 300'000;

/// What the other side says to a line.
std::string answer_to(const std::string& request) {
  return request == "long\n" ? std::string(kLongAnswer, 'x') : "you said " + request;
}

/// Somebody who answers on TCP and on a unix socket, and somebody who says nothing.
class ExchangeFixture {
 public:
  virtual ~ExchangeFixture() = default;
  virtual Dialer& dialer() = 0;
  virtual Clock& clock() = 0;
  virtual std::vector<std::string> answering() = 0;
  virtual std::string silent() = 0;
  virtual std::string refusing() = 0;
};

class SimExchange : public ExchangeFixture {
 public:
  SimExchange() {
    for (const auto& address : answering())
      dialer_.on_exchange(address, [](const std::string& request) { return answer_to(request); });
    dialer_.set("10.0.0.3:80", SimDialer::Behaviour::kDrops);
  }
  Dialer& dialer() override { return dialer_; }
  Clock& clock() override { return clock_; }
  std::vector<std::string> answering() override { return {"10.0.0.1:80", "unix:/run/x.sock"}; }
  std::string silent() override { return "10.0.0.3:80"; }
  std::string refusing() override { return "unix:/run/none.sock"; }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  SimDialer dialer_{clock_};
};

/// Takes connections until it is destroyed.
class Listener {
 public:
  enum class Way { kAnswers, kIsSilent };
  Listener(ScopedFd fd, Way way) : fd_(std::move(fd)), thread_([this, way] { serve(way); }) {}
  ~Listener() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve(Way way) {
    std::vector<ScopedFd> kept;
    for (;;) {
      ScopedFd peer(::accept(fd_.get(), nullptr, nullptr));
      if (!peer) return;
      if (way == Way::kIsSilent) {
        kept.push_back(std::move(peer));
        continue;
      }
      std::string request;
      char byte = 0;
      while (request.find('\n') == std::string::npos && ::recv(peer.get(), &byte, 1, 0) == 1)
        request += byte;
      const std::string answer = answer_to(request);
      (void)::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  ScopedFd fd_;
  std::thread thread_;
};

ScopedFd listen_tcp(std::string& address) {
  ScopedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(where);
  auto* const generic = reinterpret_cast<sockaddr*>(&where);
  HEAL_CHECK(::bind(fd.get(), generic, size) == 0 && ::listen(fd.get(), 16) == 0, "a free port can listen");
  HEAL_CHECK(::getsockname(fd.get(), generic, &size) == 0, "it has a number");
  address = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
  return fd;
}

ScopedFd listen_unix(const std::string& path) {
  ScopedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  HEAL_CHECK(path.size() < sizeof(where.sun_path), "the path fits");
  path.copy(where.sun_path, path.size());
  HEAL_CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof(where)) == 0, "the socket can be made");
  HEAL_CHECK(::listen(fd.get(), 16) == 0, "it can listen");
  return fd;
}

class RealExchange : public ExchangeFixture {
 public:
  Dialer& dialer() override { return dialer_; }
  Clock& clock() override { return clock_; }
  std::vector<std::string> answering() override { return {tcp_, "unix:" + folder_.file("x.sock")}; }
  std::string silent() override { return silent_; }
  std::string refusing() override { return "unix:" + folder_.file("none.sock"); }

 private:
  SystemClock clock_;
  TcpDialer dialer_;
  test::TempFolder folder_;
  std::string tcp_, silent_;
  Listener on_tcp_{listen_tcp(tcp_), Listener::Way::kAnswers};
  Listener on_unix_{listen_unix(folder_.file("x.sock")), Listener::Way::kAnswers};
  Listener mute_{listen_tcp(silent_), Listener::Way::kIsSilent};
};

std::unique_ptr<ExchangeFixture> exchange_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealExchange>();
  return std::make_unique<SimExchange>();
}

TEST_CASE("a question is answered whole, over TCP and over a unix socket") {
  const auto fixture = exchange_fixture();
  for (const auto& address : fixture->answering()) {
    CAPTURE(address);
    const auto ask = [&](const std::string& request) {
      return fixture->dialer().exchange(address, request, fixture->clock().deadline_in(20s), {}).value();
    };
    CHECK(ask("hello\n") == "you said hello\n");
    CHECK(ask("long\n").size() == kLongAnswer);
  }
}

TEST_CASE("who refuses, who says nothing and what is no address are told apart, and after a stop nobody waits") {
  const auto fixture = exchange_fixture();
  const auto ask = [&](const std::string& address, Duration patience, std::stop_token stop) {
    return code_of(fixture->dialer().exchange(address, "hello\n", fixture->clock().deadline_in(patience), stop));
  };
  CHECK(ask(fixture->refusing(), 20s, {}) == "unreachable");
  CHECK(ask(fixture->silent(), 100ms, {}) == "timeout");
  CHECK(ask("no address", 20s, {}) == "invalid");
  std::stop_source stop;
  stop.request_stop();
  CHECK(ask(fixture->silent(), 20s, stop.get_token()) == "cancelled");
}

// Simulated time passes at once: there is no wait that a stop could come into.
TEST_CASE("a stop ends a wait for an answer that has begun") {
  RealExchange fixture;
  std::stop_source stop;
  std::string code;
  std::thread caller([&] {
    code = code_of(
        fixture.dialer().exchange(fixture.silent(), "hello\n", fixture.clock().deadline_in(1h), stop.get_token()));
  });
  stop.request_stop();
  caller.join();
  CHECK(code == "cancelled");
}

TEST_CASE("a connection is closed after its answer") {
  RealExchange fixture;
  const auto open_files = [] {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator("/proc/self/fd"))
      ++count;
    return count;
  };
  const auto ask = [&] {
    return fixture.dialer().exchange(fixture.answering()[0], "hello\n", fixture.clock().deadline_in(20s), {});
  };
  REQUIRE(ask().has_value());
  const std::size_t before = open_files();
  for (int i = 0; i < 20; ++i)
    REQUIRE(ask().has_value());
  CHECK(open_files() <= before + 1);  // the other side may still be closing its last one
}

}  // namespace
}  // namespace heal
