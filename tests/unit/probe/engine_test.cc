#include "common/probe/engine.h"

#include <thread>

#include <catch2/catch.hpp>

#include "common/probe/exposition.h"
#include "common/sim/fake_clock.h"
#include "common/sim/sim_probe_io.h"

namespace heal::probe {
namespace {

const SocketAddress kWebServer{*IpAddress::parse("192.0.2.1"), 80};

std::shared_ptr<const Module> module(const std::string& prober) {
  Module out;
  out.name = "m";
  out.prober = prober;
  return std::make_shared<const Module>(std::move(out));
}

/// An engine whose loop is this thread.
class Bench {
 public:
  ~Bench() {
    // stop() waits for the loop, which has nobody else to run it.
    std::jthread runner([this](const std::stop_token& stop) {
      while (!stop.stop_requested())
        io.run();
    });
    engine.stop();
  }
  ProbeResult& start(const std::shared_ptr<const Module>& with, const std::string& target, Duration timeout) {
    engine.start({with, target, ""}, clock.steady_now() + timeout, [this](ProbeResult done) {
      result = std::move(done);
      ended = true;
    });
    io.run();
    return result;
  }

  FakeClock clock;
  SimProbeIo io{clock};
  Engine engine{{&io}, clock};
  ProbeResult result;
  bool ended = false;
};

TEST_CASE("what is begun after a stop has ended, cancelled, once the engine is stopped again") {
  Bench bench;
  std::jthread runner([&bench](const std::stop_token& stop) {
    while (!stop.stop_requested())
      bench.io.run();
  });
  bench.engine.stop();
  bench.engine.start({module("http"), "http://192.0.2.1/", ""}, bench.clock.steady_now() + 3s,
                     [&bench](ProbeResult done) {
                       bench.result = std::move(done);
                       bench.ended = true;
                     });
  bench.engine.stop();
  CHECK(bench.ended);
  CHECK(bench.result.reason == "cancelled");
}

TEST_CASE("a probe ends at its deadline, not before, with what was known") {
  Bench bench;
  bench.io.serve(kWebServer, [](const HttpHop&) { return SimHttpAnswer{10s, {}, "", {}}; });
  bench.start(module("http"), "http://192.0.2.1/", 3s);
  CHECK(bench.engine.in_flight() == 1);
  bench.clock.advance(2999ms);
  bench.io.run();
  CHECK_FALSE(bench.ended);
  bench.clock.advance(1ms);
  bench.io.run();
  REQUIRE(bench.ended);
  CHECK(bench.result.phase == "response");
  CHECK(bench.result.reason == "timeout");
  CHECK(bench.result.message == "the deadline passed");
  CHECK(bench.result.duration == 3s);
  CHECK(bench.engine.in_flight() == 0);
}

TEST_CASE("a redirect back to the first host goes to its own address and to no other one of the host between") {
  Bench bench;
  const auto ip = [](const char* text) { return *IpAddress::parse(text); };
  const auto redirect_to = [](const std::string& url) {
    return SimHttpAnswer{{}, {302, "HTTP/1.1", {{"Location", url}}, {}}, "", {}};
  };
  bench.io.add_host("other.test", {ip("192.0.2.2"), ip("192.0.2.3")});
  bench.io.serve(kWebServer, [&](const HttpHop& hop) {
    return hop.url.ends_with("/end") ? SimHttpAnswer{} : redirect_to("http://other.test/");
  });
  bench.io.serve({ip("192.0.2.2"), 80}, [&](const HttpHop&) { return redirect_to("http://192.0.2.1/end"); });
  bool is_misled = false;
  bench.io.serve({ip("192.0.2.3"), 80}, [&](const HttpHop&) {
    is_misled = true;
    return SimHttpAnswer{};
  });
  bench.start(module("http"), "http://192.0.2.1/", 3s);
  REQUIRE(bench.ended);
  CHECK(bench.result.success);
  CHECK_FALSE(is_misled);
}

TEST_CASE("a deadline that has passed ends the probe all the same") {
  Bench bench;
  bench.io.serve_lines(kWebServer, {}, SimProbeIo::AtEnd::kStays);
  bench.start(module("tcp"), "192.0.2.1:80", Duration(-1s));
  CHECK(bench.ended);
}

TEST_CASE("the preferred family is probed, else the last address of the other") {
  Bench bench;
  bench.io.add_host("both", {*IpAddress::parse("192.0.2.9"), *IpAddress::parse("2001:db8::1")});
  bench.io.add_host("only4", {*IpAddress::parse("192.0.2.7"), *IpAddress::parse("192.0.2.1")});
  bench.io.serve_lines({*IpAddress::parse("2001:db8::1"), 1}, {});
  bench.io.serve_lines({*IpAddress::parse("192.0.2.1"), 1}, {});
  CHECK(bench.start(module("tcp"), "both:1", 1s).success);
  CHECK(bench.start(module("tcp"), "only4:1", 1s).success);
}

TEST_CASE("the answer to Prometheus is in blackbox_exporter's names, sorted, with the failure beside them") {
  ProbeResult result;
  result.phase = "connect";
  result.reason = "refused";
  result.duration = 1500ms;
  result.families = {gauge_family("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6", 4)};
  CHECK(expose_result(result) ==
        "# HELP heal_probe_failure_info Where and why the probe failed.\n"
        "# TYPE heal_probe_failure_info gauge\n"
        "heal_probe_failure_info{phase=\"connect\",reason=\"refused\"} 1\n"
        "# HELP probe_duration_seconds Returns how long the probe took to complete in seconds\n"
        "# TYPE probe_duration_seconds gauge\n"
        "probe_duration_seconds 1.5\n"
        "# HELP probe_ip_protocol Specifies whether probe ip protocol is IP4 or IP6\n"
        "# TYPE probe_ip_protocol gauge\n"
        "probe_ip_protocol 4\n"
        "# HELP probe_success Displays whether or not the probe was a success\n"
        "# TYPE probe_success gauge\n"
        "probe_success 0\n");
}

TEST_CASE("the time-out is the module's or what the scrape leaves, whichever is smaller") {
  const auto [own, header, expected] = GENERATE(table<Duration, std::string, Duration>({
      {0s, "", 119500ms},
      {5s, "", 5s},
      {5s, "3", 2500ms},
      {5s, "0", 5s},
      {5s, "0.2", 5s},
      {0s, "10.5", 10s},
  }));
  CAPTURE(header);
  Module with;
  with.timeout = own;
  CHECK(*probe_timeout(with, header, 500ms) == expected);
}

TEST_CASE(
    "a failure is asked about again within the probe's time-out or what the module says, but not behind the scrape") {
  CHECK(scrape_time_left("10.5", 500ms).value() == 10s);
  CHECK(scrape_time_left("", 500ms).value() == 119500ms);
  CHECK_FALSE(scrape_time_left("soon", 0s).has_value());
  CHECK(confirm_time({2, 200ms, 0s}, 2s, 10s) == 2s);
  CHECK(confirm_time({2, 200ms, 5s}, 2s, 10s) == 5s);
  CHECK(confirm_time({2, 200ms, 20s}, 2s, 10s) == 10s);
  CHECK(confirm_time({2, 200ms, 0s}, 2s, 1s) == 1s);
}

TEST_CASE("a time-out header that is no number is an error") {
  CHECK(probe_timeout(Module{}, "soon", 0s).error().str() == "\"soon\" is not a number");
  CHECK_FALSE(probe_timeout(Module{}, "nan", 0s).has_value());
}

TEST_CASE("a target is shown without its password") {
  CHECK(shown_target("http://user:secret@host/path@x") == "http://***@host/path@x");
  CHECK(shown_target("host:80") == "host:80");
}

}  // namespace
}  // namespace heal::probe
