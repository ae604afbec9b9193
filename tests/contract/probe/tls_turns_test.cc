// TLS handshakes that run at once are limited, whichever prober asks for them.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/contract/probe/probe_bench.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

/// One handshake at once, and none gives its turn away.
constexpr system::TlsLimits kOne{1, 1h};

/// Until there are so many: what ends is gone a moment after its result.
void await(ProbeBench& bench, const TlsHandshakes& counts) {
  while (bench.io().tls_handshakes() != counts)
    std::this_thread::yield();
}

/// Probes that were started and are not waited for.
class Started {
 public:
  explicit Started(ProbeBench& bench) : bench_(bench) {}
  void start(const std::string& yaml, const std::string& target) {
    const Deadline deadline = bench_.engine().now() + 60s;
    bench_.engine().start({ProbeBench::module(yaml), target, ""}, deadline, [this](const ProbeResult& result) {
      good_ += result.success ? 1 : 0;
      ended_ += 1;
    });
    started_ += 1;
  }
  /// How many of them succeeded, when all have ended.
  int await_good() const {
    while (ended_ < started_)
      std::this_thread::yield();
    return good_;
  }

 private:
  ProbeBench& bench_;
  int started_ = 0;
  std::atomic<int> ended_{0}, good_{0};
};

const std::string kHolder = "{prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true}}";

TEST_CASE("a probe that waits for its turn of a TLS handshake ends by its deadline and says what it waited for") {
  struct Case {
    std::string name, module, target;
  };
  const auto c = GENERATE(values<Case>({
      {"https", "{prober: http, http: {preferred_ip_protocol: ip4}}", "https://"},
      {"https through a proxy", "{prober: http, http: {preferred_ip_protocol: ip4, proxy_url: 'http://127.0.0.1:1'}}",
       "https://"},
      {"tcp", kHolder, ""},
      {"starttls",
       "{prober: tcp, tcp: {preferred_ip_protocol: ip4, query_response: [{expect: ready, send: go, starttls: true}]}}",
       ""},
      {"dns",
       "{prober: dns, dns: {preferred_ip_protocol: ip4, query_name: a, transport_protocol: tcp, dns_over_tls: true}}",
       ""},
      {"grpc", "{prober: grpc, grpc: {preferred_ip_protocol: ip4, tls: true}}", ""},
  }));
  CAPTURE(c.name);
  LoopbackServer silent([](int fd) { read_to_end(fd); });
  LoopbackServer ready([](int fd) { send_all(fd, "ready\n"), read_to_end(fd); });
  ProbeBench bench(kOne);
  Started holder(bench);
  holder.start(kHolder, silent.address());
  await(bench, {1, 0, 0});
  const ProbeResult result = bench.run(c.module, c.target + ready.address(), 1s);
  CHECK(verdict(result) == "tls/busy");
  CHECK(result.message == "the deadline passed before its TLS handshake could begin: too many others were in flight");
  // The wait is in no phase.
  const auto phase = [&](const std::string& prober, const std::string& name) {
    return value_of(result, "probe_" + prober + "_duration_seconds", {{"phase", name}}).value_or(0);
  };
  CHECK(phase("http", "connect") + phase("http", "tls") + phase("dns", "connect") + phase("grpc", "check") < 0.5);
  await(bench, {1, 0, 0});
  bench.engine().stop();
  holder.await_good();
}

TEST_CASE("handshakes begin one after the other, and all get their turn") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer web(authority.issue("good", {}), tls_http(http_answer("200 OK", "", "x")));
  TlsTestServer lines(authority.issue("lines", {}), [](SSL* ssl) { SSL_shutdown(ssl); });
  std::atomic<bool> may_go{false};
  LoopbackServer stubborn([&](int) {
    while (!may_go)
      std::this_thread::yield();
  });
  ProbeBench bench(kOne);
  Started probes(bench);
  probes.start(kHolder, stubborn.address());
  await(bench, {1, 0, 0});
  const std::string trust = "tls_config: {ca_file: " + authority.ca_file() + "}}}";
  for (int i = 0; i < 3; ++i) {
    probes.start("{prober: http, http: {preferred_ip_protocol: ip4, " + trust, web.url());
    probes.start("{prober: tcp, tcp: {preferred_ip_protocol: ip4, tls: true, " + trust, lines.server().address());
  }
  await(bench, {1, 0, 6});
  may_go = true;
  CHECK(probes.await_good() == 6);
  await(bench, {0, 0, 0});
}

TEST_CASE("a handshake that its server keeps waiting gives its turn to the next") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer web(authority.issue("good", {}), tls_http(http_answer("200 OK", "", "x")));
  LoopbackServer silent([](int fd) { read_to_end(fd); });
  ProbeBench bench(system::TlsLimits{1, 10ms});
  Started holder(bench);
  holder.start(kHolder, silent.address());
  await(bench, {0, 1, 0});
  CHECK(verdict(bench.run(
            "{prober: http, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: " + authority.ca_file() + "}}}",
            web.url())) == "ok");
  await(bench, {0, 1, 0});
  bench.engine().stop();
  holder.await_good();
}

TEST_CASE("an https target that refuses connections needs no turn, and one whose turn is dropped leaves none behind") {
  LoopbackServer silent([](int fd) { read_to_end(fd); });
  const std::string closed = LoopbackServer([](int) {}).address();
  ProbeBench bench(kOne);
  Started holder(bench);
  holder.start(kHolder, silent.address());
  await(bench, {1, 0, 0});
  const std::string module = "{prober: http, http: {preferred_ip_protocol: ip4}}";
  CHECK(verdict(bench.run(module, "https://" + closed)) == "connect/refused");
  holder.start(module, "https://" + silent.address());
  await(bench, {1, 0, 1});
  bench.engine().stop();
  CHECK(holder.await_good() == 0);
  await(bench, {0, 0, 0});
}

}  // namespace
}  // namespace heal::test
