// What every ProbeIo promises, held against the simulation and against sockets.
#include "common/system/probe_io.h"

#include <functional>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/sim_probe_io.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"

namespace heal::test {
namespace {

/// A ProbeIo, a port and a unix socket where two lines are sent before the connection ends, a port where HTTP is
/// spoken, and a port and a unix socket where nobody listens.
class IoWorld {
 public:
  virtual ~IoWorld() = default;
  virtual ProbeIo& io() = 0;
  /// Runs `task` on the loop thread, and the loop until `done` was called.
  virtual void run(const std::function<void(std::function<void()> done)>& task) = 0;
  SocketAddress lines{}, web{}, closed{};
  std::string socket, no_socket;
};

class SimWorld : public IoWorld {
 public:
  SimWorld() {
    const auto at = [](std::uint16_t port) { return SocketAddress{*IpAddress::parse("127.0.0.1"), port}; };
    lines = at(1), web = at(2), closed = at(3);
    io_.serve_lines(lines, {"one", "two"});
    socket = "/lines.sock", no_socket = "/none.sock";
    io_.serve_socket(socket, {"one", "two"});
    io_.serve(web, [](const HttpHop& hop) {
      return SimHttpAnswer{0s, {200, "HTTP/1.1", {{"X-Method", hop.method}}, std::nullopt}, "hello", {}};
    });
  }
  ProbeIo& io() override { return io_; }
  void run(const std::function<void(std::function<void()>)>& task) override {
    bool finished = false;
    io_.post([&] { task([&] { finished = true; }); });
    while (!finished) {
      io_.run();
      if (finished) return;
      REQUIRE(io_.next_timer());
      clock_.advance(*io_.next_timer() - clock_.steady_now());
    }
  }

 private:
  FakeClock clock_;
  SimProbeIo io_{clock_};
};

class SocketWorld : public IoWorld {
 public:
  SocketWorld()
      : line_server_([](int fd) { send_all(fd, "one\ntwo\n"); }), web_server_([](int fd) {
          const std::string head = read_head(fd);
          send_all(fd, http_answer("200 OK", "X-Method: " + head.substr(0, head.find(' ')) + "\r\n", "hello"));
          ::shutdown(fd, SHUT_WR);
          read_to_end(fd);
        }) {
    const auto at = [](std::uint16_t port) { return SocketAddress{*IpAddress::parse("127.0.0.1"), port}; };
    lines = at(line_server_.port()), web = at(web_server_.port());
    closed = at(LoopbackServer([](int) {}).port());
    socket = folder_.file("lines.sock"), no_socket = folder_.file("none.sock");
    socket_server_.emplace(socket, [](int fd) { send_all(fd, "one\ntwo\n"); });
  }
  ProbeIo& io() override { return io_; }
  void run(const std::function<void(std::function<void()>)>& task) override {
    Mutex mutex;
    CondVar changed;
    bool finished = false;
    io_.post([&] {
      task([&] {
        MutexLock lock(mutex);
        finished = true;
        changed.notify_all();
      });
    });
    const auto patience = std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()) + 20s;
    MutexLock lock(mutex);
    while (!finished) {
      if (std::chrono::steady_clock::now() >= patience) throw std::runtime_error("the loop sleeps");
      changed.wait_until(mutex, patience);
    }
  }

 private:
  TempFolder folder_;
  LoopbackServer line_server_, web_server_;
  std::optional<LoopbackServer> socket_server_;
  system::SystemProbeIo io_;
};

std::unique_ptr<IoWorld> world(const std::string& kind) {
  if (kind == "sim") return std::make_unique<SimWorld>();
  return std::make_unique<SocketWorld>();
}

/// Notes what it is told, and calls back at the end.
class Recorder : public HttpHopObserver {
 public:
  explicit Recorder(Next on_head = Next::kContinue) : after_head_(on_head) {}
  Next on_head(HttpHopHead head) override {
    heard += "head " + std::to_string(head.status) + " " + head.protocol + ";";
    for (const auto& [name, value] : head.headers) {
      if (name == "X-Method") heard += value + ";";
    }
    return after_head_;
  }
  Next on_body(std::string_view bytes) override {
    heard += "body " + std::string(bytes) + ";";
    return Next::kContinue;
  }
  void on_done(std::optional<ProbeFailure> failure) override {
    heard += failure ? std::string(to_string(failure->phase)) + "/" + std::string(to_string(failure->reason)) : "done";
    finished();
  }

  std::string heard;
  std::function<void()> finished;

 private:
  Next after_head_;
};

HttpHop hop_to(const SocketAddress& address, const std::string& method = "GET") {
  HttpHop hop;
  hop.method = method;
  hop.url = "http://" + join_host_port(address.ip.str(), address.port) + "/";
  hop.headers = {{"Host", "example"}};
  return hop;
}

TEST_CASE("an address resolves to itself, and not in the other family") {
  const auto at = world(GENERATE("sim", "sockets"));
  std::vector<IpAddress> found;
  std::optional<ProbeFailure> failure;
  std::unique_ptr<PendingIo> first, second;
  at->run([&](std::function<void()> done) {
    first = at->io().resolve("192.0.2.1", AddressFamily::kAny, [&, done](auto, std::vector<IpAddress> addresses) {
      found = std::move(addresses);
      second = at->io().resolve("192.0.2.1", AddressFamily::kV6, [&, done](std::optional<ProbeFailure> why, auto) {
        failure = std::move(why);
        first.reset();
        done();
      });
    });
  });
  at->run([&](const std::function<void()>& done) { second.reset(), done(); });
  CHECK(found == std::vector<IpAddress>{*IpAddress::parse("192.0.2.1")});
  REQUIRE(failure);
  CHECK(failure->phase == ProbePhase::kResolve);
  CHECK(failure->reason == ProbeReason::kNoAddress);
}

TEST_CASE("timers fire in order; one that is destroyed does not") {
  const auto at = world(GENERATE("sim", "sockets"));
  std::string order;
  std::vector<std::unique_ptr<PendingIo>> timers;
  at->run([&](std::function<void()> done) {
    const SteadyTime now = at->io().now();
    timers.push_back(at->io().call_at(now + 30ms, [&, done] { order += "c", done(); }));
    timers.push_back(at->io().call_at(now + 10ms, [&] { order += "a"; }));
    timers.push_back(at->io().call_at(now + 20ms, [&] { order += "b"; }));
    timers[2].reset();
  });
  at->run([&](const std::function<void()>& done) { timers.clear(), done(); });
  CHECK(order == "ac");
}

TEST_CASE("what a task posts runs when that task is over, in order, and nobody else has to wake the loop") {
  const auto at = world(GENERATE("sim", "sockets"));
  std::string order;
  at->run([&](const std::function<void()>& done) {
    at->io().post([&, done] {
      at->io().post([&, done] { order += "d", done(); });
      order += "b";
    });
    at->io().post([&] { order += "c"; });
    order += "a";
  });
  CHECK(order == "abcd");

  int left = 100;  // more than a loop runs without looking whether anything else has come
  std::function<void()> next;
  at->run([&](const std::function<void()>& done) {
    next = [&, done] { --left == 0 ? done() : at->io().post(next); };
    next();
  });
  CHECK(left == 0);
}

TEST_CASE("an exchange tells head, body and end") {
  const auto at = world(GENERATE("sim", "sockets"));
  Recorder recorder;
  std::unique_ptr<HttpExchange> exchange;
  HttpHopTimings timings;
  at->run([&](std::function<void()> done) {
    recorder.finished = [&, done] { timings = exchange->timings(), done(); };
    exchange = at->io().exchange(hop_to(at->web, "PURGE"), recorder);
  });
  at->run([&](const std::function<void()>& done) { exchange.reset(), done(); });
  CHECK(recorder.heard == "head 200 HTTP/1.1;PURGE;body hello;done");
  CHECK(timings.connected);
  CHECK(timings.responded);
}

TEST_CASE("an observer that has heard enough is told the end and no body") {
  const auto at = world(GENERATE("sim", "sockets"));
  Recorder recorder(HttpHopObserver::Next::kStop);
  std::unique_ptr<HttpExchange> exchange;
  at->run([&](std::function<void()> done) {
    recorder.finished = std::move(done);
    exchange = at->io().exchange(hop_to(at->web), recorder);
  });
  at->run([&](const std::function<void()>& done) { exchange.reset(), done(); });
  CHECK(recorder.heard == "head 200 HTTP/1.1;GET;done");
}

TEST_CASE("where nobody listens connections are refused") {
  const auto at = world(GENERATE("sim", "sockets"));
  Recorder recorder;
  std::unique_ptr<HttpExchange> exchange;
  std::unique_ptr<ByteStream> stream;
  std::optional<ProbeFailure> failure;
  at->run([&](std::function<void()> done) {
    recorder.finished = [&, done] {
      stream = at->io().open_stream();
      stream->connect(at->closed, std::nullopt, [&, done](std::optional<ProbeFailure> why) {
        failure = std::move(why);
        done();
      });
    };
    exchange = at->io().exchange(hop_to(at->closed), recorder);
  });
  at->run([&](const std::function<void()>& done) { exchange.reset(), stream.reset(), done(); });
  CHECK(recorder.heard == "connect/refused");
  REQUIRE(failure);
  CHECK(failure->phase == ProbePhase::kConnect);
  CHECK(failure->reason == ProbeReason::kRefused);
}

/// Reads a stream to its end.
void read_all(ByteStream& stream, std::string& into, const std::function<void()>& done) {
  stream.read([&stream, &into, done](const std::optional<ProbeFailure>& failure, std::string_view bytes) {
    into += bytes;
    if (failure || bytes.empty()) return done();
    read_all(stream, into, done);
  });
}

TEST_CASE("a stream gives what was sent and then its end") {
  const auto at = world(GENERATE("sim", "sockets"));
  std::unique_ptr<ByteStream> stream;
  std::string text;
  at->run([&](std::function<void()> done) {
    stream = at->io().open_stream();
    stream->connect(at->lines, std::nullopt, [&, done](const std::optional<ProbeFailure>& failure) {
      CHECK_FALSE(failure);
      read_all(*stream, text, done);
    });
  });
  at->run([&](const std::function<void()>& done) { stream.reset(), done(); });
  CHECK(text == "one\ntwo\n");
}

TEST_CASE("a unix socket gives the same; where there is none the failure says so") {
  const auto at = world(GENERATE("sim", "sockets"));
  std::unique_ptr<ByteStream> stream;
  std::string text;
  std::optional<ProbeFailure> failure;
  at->run([&](std::function<void()> done) {
    stream = at->io().open_stream();
    stream->connect_unix(at->socket, [&, done](const std::optional<ProbeFailure>& why) {
      CHECK_FALSE(why);
      read_all(*stream, text, done);
    });
  });
  at->run([&](std::function<void()> done) {
    stream = at->io().open_stream();
    stream->connect_unix(at->no_socket, [&, done](std::optional<ProbeFailure> why) {
      failure = std::move(why);
      done();
    });
  });
  at->run([&](const std::function<void()>& done) { stream.reset(), done(); });
  CHECK(text == "one\ntwo\n");
  CHECK(failure == ProbeFailure{ProbePhase::kConnect, ProbeReason::kNotFound, "connect: No such file or directory"});
}

TEST_CASE("tasks that post one another keep no timer and no connection waiting") {
  SocketWorld at;
  std::unique_ptr<ByteStream> stream;
  std::unique_ptr<PendingIo> timer;
  std::string text;
  int left = 2;
  std::function<void()> again = [&] {
    if (left > 0) at.io().post(again);
  };
  at.run([&](std::function<void()> done) {
    const auto one_is_there = [&, done] {
      if (--left == 0) done();
    };
    again();
    timer = at.io().call_at(at.io().now() + 1ms, one_is_there);
    stream = at.io().open_stream();
    stream->connect(at.lines, std::nullopt, [&, one_is_there](const auto&) { read_all(*stream, text, one_is_there); });
  });
  at.run([&](const std::function<void()>& done) { stream.reset(), timer.reset(), done(); });
  CHECK(text == "one\ntwo\n");
}

TEST_CASE("what is destroyed says nothing any more") {
  const auto at = world(GENERATE("sim", "sockets"));
  Recorder recorder;
  recorder.finished = [] {};
  std::unique_ptr<PendingIo> timer;
  bool called = false;
  at->run([&](std::function<void()> done) {
    std::unique_ptr<HttpExchange> exchange = at->io().exchange(hop_to(at->web), recorder);
    std::unique_ptr<PendingIo> lookup =
        at->io().resolve("192.0.2.1", AddressFamily::kAny, [&](auto, auto) { called = true; });
    std::unique_ptr<ByteStream> stream = at->io().open_stream();
    stream->connect(at->lines, std::nullopt, [&](auto) { called = true; });
    exchange.reset(), lookup.reset(), stream.reset();
    timer = at->io().call_at(at->io().now() + 20ms, std::move(done));
  });
  at->run([&](const std::function<void()>& done) { timer.reset(), done(); });
  CHECK(recorder.heard.empty());
  CHECK_FALSE(called);
}

TEST_CASE("a certificate file that is not there is named before any probe needs it") {
  const auto at = world(GENERATE("sim", "sockets"));
  TlsSettings settings;
  settings.ca_file = "/nonexistent/ca.pem";
  const Status prepared = at->io().prepare_tls(settings);
  REQUIRE_FALSE(prepared.has_value());
  CHECK(prepared.error().code() == ErrorCode::kNotFound);
  CHECK(prepared.error().str().find("ca_file \"/nonexistent/ca.pem\"") != std::string::npos);
}

}  // namespace
}  // namespace heal::test
