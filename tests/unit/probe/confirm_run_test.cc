#include "common/probe/confirm_run.h"

#include <algorithm>
#include <stop_token>
#include <thread>

#include <catch2/catch.hpp>

#include "common/probe/exposition.h"
#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

const SocketAddress kShop{*IpAddress::parse("192.0.2.1"), 80};
constexpr const char* kShopUrl = "http://192.0.2.1/";

Module confirming(const std::string& prober, int attempts = 2, Duration interval = 200ms) {
  Module module;
  module.prober = prober;
  module.confirm = ConfirmSettings{attempts, interval};
  module.dns.query_name = "example.org";
  return module;
}

/// A web server whose n-th answer has the n-th of these status codes, the last one for all that follow; 0: none comes.
class Shop {
 public:
  Shop(RunBench& bench, std::vector<int> codes) {
    bench.io.serve(kShop, [this, codes = std::move(codes)](const HttpHop&) {
      const int code = codes.at(std::min<std::size_t>(asked++, codes.size() - 1));
      if (code == 0) return SimHttpAnswer{24h, {}, "", {}};
      return SimHttpAnswer{10ms, {code, "HTTP/1.1", {}, {}}, "", {}};
    });
  }
  std::size_t asked = 0;
};

std::vector<SampleFamily> without_confirmation(std::vector<SampleFamily> families) {
  std::erase_if(families, [](const auto& family) { return family.name.starts_with("heal_probe_confirm"); });
  return families;
}

TEST_CASE("a failure is confirmed when every re-probe fails too, interval by interval, and stays the first attempt's") {
  RunBench bench;
  Module plain = confirming("http");
  plain.confirm.reset();
  Shop once(bench, {500});
  const ProbeResult alone = bench.run(plain, kShopUrl);
  Shop shop(bench, {500, 404});
  const SteadyTime begun = bench.clock.steady_now();
  const ProbeResult& result = bench.run(confirming("http"), kShopUrl);
  CHECK(shop.asked == 3);
  CHECK(bench.clock.steady_now() - begun == 430ms);
  CHECK(bench.value("heal_probe_confirmed") == 1);
  CHECK(bench.value("heal_probe_confirm_attempts") == 2);
  CHECK(result.confirmation == Confirmation{2, true});
  CHECK(without_confirmation(result.families) == alone.families);
  CHECK(result.duration == alone.duration);
  CHECK(result.message == alone.message);
  CHECK_FALSE(result.success);
}

TEST_CASE("the first re-probe that succeeds ends the asking, and the probe has failed all the same") {
  RunBench bench;
  Shop shop(bench, {500, 200});
  const ProbeResult& result = bench.run(confirming("http", 5), kShopUrl);
  CHECK(shop.asked == 2);
  CHECK(bench.value("heal_probe_confirmed") == 0);
  CHECK(bench.value("heal_probe_confirm_attempts") == 1);
  CHECK(bench.value("probe_http_status_code") == 500);
  CHECK(bench.verdict() == "status/unexpected_status: status code 500 is not 2xx");
  CHECK(expose_result(result).find("\nprobe_success 0\n") != std::string::npos);
}

TEST_CASE("a probe that succeeds is not asked again") {
  RunBench bench;
  Shop shop(bench, {200});
  CHECK(bench.run(confirming("http"), kShopUrl).success);
  CHECK(shop.asked == 1);
  CHECK(bench.value("heal_probe_confirmed") == 0);
  CHECK(bench.value("heal_probe_confirm_attempts") == 0);
}

TEST_CASE("a module without confirm has none of it") {
  RunBench bench;
  Shop shop(bench, {500});
  Module module = confirming("http");
  module.confirm.reset();
  const ProbeResult& result = bench.run(module, kShopUrl);
  CHECK(shop.asked == 1);
  CHECK_FALSE(result.confirmation);
  CHECK(without_confirmation(result.families) == result.families);
}

TEST_CASE("no re-probe begins at or behind the deadline, and what was not asked is not confirmed") {
  RunBench bench;
  Shop shop(bench, {500});
  bench.run(confirming("http"), kShopUrl, 210ms);
  CHECK(shop.asked == 1);
  CHECK_FALSE(bench.value("heal_probe_confirmed"));
  CHECK(bench.value("heal_probe_confirm_attempts") == 0);
}

TEST_CASE("a first attempt that used up the deadline leaves no time, and is not confirmed") {
  RunBench bench;
  Shop shop(bench, {0});
  const ProbeResult& result = bench.run(confirming("http"), kShopUrl, 3s);
  CHECK(result.reason == "timeout");
  CHECK(result.duration == 3s);
  CHECK(result.confirmation == Confirmation{0, std::nullopt});
}

TEST_CASE("a re-probe that the deadline cuts short tells nothing") {
  RunBench bench;
  Shop shop(bench, {500, 0});
  const SteadyTime begun = bench.clock.steady_now();
  const ProbeResult& result = bench.run(confirming("http"), kShopUrl, 3s);
  CHECK(bench.clock.steady_now() - begun == 3s);
  CHECK(result.duration == 10ms);
  CHECK(result.reason == "unexpected_status");
  CHECK(result.confirmation == Confirmation{1, std::nullopt});
}

TEST_CASE("with more time to confirm in, a target that hangs is confirmed by re-probes as long as the first") {
  RunBench bench;
  bench.confirm_time = 5s;
  Shop shop(bench, {0});
  const SteadyTime begun = bench.clock.steady_now();
  const ProbeResult& result = bench.run(confirming("http", 10), kShopUrl, 2s);
  CHECK(result.duration == 2s);
  CHECK(result.reason == "timeout");
  // 2s, 200ms, 2s, 200ms, and one that is cut short.
  CHECK(bench.clock.steady_now() - begun == 5s);
  CHECK(result.confirmation == Confirmation{2, true});
}

TEST_CASE("with less time to confirm in than the probe has, its first attempt keeps its own") {
  RunBench bench;
  bench.confirm_time = 300ms;
  Shop refusing(bench, {500, 0});
  CHECK(bench.run(confirming("http"), kShopUrl, 2s).confirmation == Confirmation{1, std::nullopt});
  Shop hanging(bench, {0});
  CHECK(bench.run(confirming("http"), kShopUrl, 2s).duration == 2s);
}

/// A run that waits for the turn of its TLS handshake until it is aborted.
class CrowdedRun : public ProbeRun {
 public:
  void start(Done done) override { done_ = std::move(done); }
  void abort(ProbeReason reason) override { done_({aborted(ProbePhase::kTls, reason, TlsTurn{true}), {}}); }

 private:
  Done done_;
};

TEST_CASE("a re-probe that waited in vain for its turn tells nothing of the target") {
  RunBench bench;
  const ProbeRequest request{std::make_shared<const Module>(confirming("http", 1)), kShopUrl, "", bench.policy,
                             bench.clock.steady_now() + 10s};
  RunLog log(bench.clock, request);
  const RunMaker make_run = [](const ProbeRequest&, ProbeIo&, RunLog&) -> std::unique_ptr<ProbeRun> {
    return std::make_unique<CrowdedRun>();
  };
  const auto run = make_confirming_run(request, bench.io, log, make_run, bench.clock.steady_now() + 1s, 1s);
  std::optional<RunOutcome> outcome;
  run->start([&](RunOutcome ended) { outcome = std::move(ended); });
  for (const Duration step : {1000ms, 200ms, 1000ms}) {
    bench.clock.advance(step);
    bench.io.run();
  }
  REQUIRE(outcome);
  CHECK(outcome->failure->reason == ProbeReason::kBusy);
  CHECK(outcome->confirmation == Confirmation{1, std::nullopt});
}

TEST_CASE("a re-probe has the time of a probe, also where a late loop left the first attempt none") {
  RunBench bench;
  const ProbeRequest request{std::make_shared<const Module>(confirming("http", 1)), kShopUrl, "", bench.policy,
                             bench.clock.steady_now() + 10s};
  RunLog log(bench.clock, request);
  Shop shop(bench, {200});
  const auto run = make_confirming_run(request, bench.io, log, make_http_run, bench.clock.steady_now(), 1s);
  std::optional<RunOutcome> outcome;
  run->start([&](RunOutcome ended) { outcome = std::move(ended); });
  for (const Duration step : {0ms, 200ms, 10ms}) {
    bench.clock.advance(step);
    bench.io.run();
  }
  REQUIRE(outcome);
  CHECK(outcome->failure->reason == ProbeReason::kTimeout);
  CHECK(outcome->confirmation == Confirmation{1, false});
}

TEST_CASE("every prober is asked again") {
  const auto [prober, target] = GENERATE(table<std::string, std::string>({
      {"http", kShopUrl},
      {"tcp", "192.0.2.1:80"},
      {"icmp", "192.0.2.1"},
      {"dns", "192.0.2.1"},
      {"grpc", "192.0.2.1:80"},
  }));
  CAPTURE(prober);
  RunBench bench;
  bench.confirm_time = 10s;
  const ProbeResult& result = bench.run(confirming(prober), target, 1s);
  CHECK(result.confirmation == Confirmation{2, true});
}

TEST_CASE("a lost echo request is no confirmed failure when the next one is answered") {
  RunBench bench;
  bench.confirm_time = 5s;
  int sent = 0;
  bench.io.answer_echoes(kShop.ip, [&](const EchoRequest&) {
    return ++sent == 1 ? std::nullopt : std::optional(EchoReply{30ms, 61});
  });
  const ProbeResult& result = bench.run(confirming("icmp"), "192.0.2.1", 1s);
  CHECK(result.reason == "timeout");
  CHECK(result.confirmation == Confirmation{1, false});
}

TEST_CASE("a probe that waits to be asked again is one probe in flight, and costs a timer") {
  RunBench bench;
  bench.start(confirming("tcp"), "192.0.2.1:80", 5s);
  CHECK_FALSE(bench.ended);
  CHECK(bench.engine.in_flight() == 1);
  CHECK(bench.io.next_timer() == bench.clock.steady_now() + 200ms);
  bench.clock.advance(400ms);
  bench.io.run();
  bench.clock.advance(200ms);
  bench.io.run();
  CHECK(bench.ended);
  CHECK(bench.engine.in_flight() == 0);
}

TEST_CASE("a stop of the asking ends the probe at once with what its first attempt saw") {
  RunBench bench;
  std::stop_source stop;
  bench.confirm_stop = stop.get_token();
  SECTION("while it waits") {
    bench.start(confirming("tcp"), "192.0.2.1:80", 5s);
  }
  SECTION("while it is asked") {
    Shop shop(bench, {500, 0});
    bench.start(confirming("http"), kShopUrl, 5s);
    bench.clock.advance(10ms);
    bench.io.run();
    bench.clock.advance(200ms);
    bench.io.run();
    CHECK(shop.asked == 2);
  }
  CHECK_FALSE(bench.ended);
  stop.request_stop();
  bench.io.run();
  REQUIRE(bench.ended);
  CHECK(bench.result.reason != "cancelled");
  CHECK_FALSE(bench.result.success);
  CHECK_FALSE(bench.result.confirmation->confirmed);
  CHECK(bench.engine.in_flight() == 0);
}

TEST_CASE("a stop before the first attempt has ended leaves that alone") {
  RunBench bench;
  std::stop_source stop;
  bench.confirm_stop = stop.get_token();
  stop.request_stop();
  Shop shop(bench, {500});
  const ProbeResult& result = bench.run(confirming("http"), kShopUrl);
  CHECK(result.reason == "unexpected_status");
  CHECK(result.confirmation == Confirmation{0, std::nullopt});
}

TEST_CASE("the end of the engine ends the waiting") {
  RunBench bench;
  bench.start(confirming("tcp"), "192.0.2.1:80", 5s);
  std::jthread runner([&bench](const std::stop_token& stop) {
    while (!stop.stop_requested())
      bench.io.run();
  });
  bench.engine.stop();
  CHECK(bench.ended);
  CHECK(bench.result.reason == "refused");
  CHECK(bench.result.confirmation == Confirmation{0, std::nullopt});
}

}  // namespace
}  // namespace heal::probe
