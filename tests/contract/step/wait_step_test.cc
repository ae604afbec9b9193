#include <atomic>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/system/http_prometheus_api.h"
#include "tests/contract/ports/daemon.h"
#include "tests/contract/step/real_rig.h"
#include "tests/support/tiny_server.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// Debian's Prometheus, which scrapes itself.
struct PrometheusRig : RealRig {
  PrometheusRig() : RealRig("prometheus: {url: 'http://127.0.0.1:1'}\n") {
    const auto port = free_port();
    std::ofstream(daemon.folder() / "prometheus.yml")
        << "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        << fmt::format("scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n", port);
    daemon.start({"/usr/bin/prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                  fmt::format("--web.listen-address=127.0.0.1:{}", port)});
    api = std::make_shared<HttpPrometheusApi>(http, ApiEndpoint{fmt::format("http://127.0.0.1:{}", port), {}, {}});
    const Deadline deadline = clock.deadline_in(40s);
    while (!api->ready(clock.deadline_in(2s), {})) {
      if (clock.steady_now() > deadline) FAIL("Prometheus does not start: " << daemon.stop());
      clock.sleep_for(50ms, {});
    }
    bench.world().prometheus = api;
  }
  Daemon daemon;
  std::shared_ptr<HttpPrometheusApi> api;
};

/// A port of 127.0.0.1 that is taken, and refuses connections until it is listened on.
struct ReservedPort {
  ReservedPort() : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    REQUIRE(bind(fd.get(), generic, size) == 0);
    REQUIRE(getsockname(fd.get(), generic, &size) == 0);
    number = ntohs(address.sin_port);
  }
  ScopedFd fd;
  std::uint16_t number = 0;
};

TEST_CASE("wait.http asks until the status and the body are what is waited for") {
  std::atomic<int> asked = 0;
  const TinyServer server([&](const TinyRequest& request, TinyConnection& connection) {
    const int count = ++asked;
    if (request.target != "/ready" || count == 1) {
      connection.answer(503, "warming up");
    } else if (count == 2) {
      connection.close();
    } else {
      connection.answer(count == 3 ? 200 : 202, count < 5 ? "{\"state\": \"warm\"}" : "{\"state\": \"hot\"}");
    }
  });
  RealRig rig("");
  const auto done = rig.bench.run(
      fmt::format("wait.http: {{url: '{}/ready', status: [202], body: '\"hot\"', interval: 1ms}}", server.url()));
  CHECK(done == ActionResult::done(fmt::format("GET {}/ready: status 202", server.url())));
  CHECK(asked == 5);
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

// An interval longer than the time that there is: one question, and no waiting for a second one.

TEST_CASE("wait.http that is never satisfied says at its end what it saw last") {
  const TinyServer server([](const TinyRequest& request, TinyConnection& connection) {
    if (request.target == "/silent") {
      connection.wait_closed();
    } else {
      connection.answer(404, "");
    }
  });
  RealRig rig("");
  CHECK(rig.bench.run(fmt::format("wait.http: {{url: '{}/', interval: 1h}}, timeout: 20s", server.url())) ==
        ActionResult::failed("timeout", fmt::format("not within 20s: GET {}/: status 404", server.url())));
  const auto silent = rig.bench.run(fmt::format("wait.http: {{url: '{}/silent'}}", server.url()), 300ms);
  CHECK(silent.kind == Kind::kFailed);
  CHECK(silent.message.find("timed out") != std::string::npos);
}

TEST_CASE("wait.tcp passes once somebody listens") {
  const ReservedPort port;
  RealRig rig("");
  const std::string step = fmt::format("wait.tcp: {{address: '127.0.0.1:{}', interval: 1h}}", port.number);
  const auto refused = rig.bench.run(step);
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.reason == "timeout");
  CHECK(refused.message.find("refused") != std::string::npos);
  REQUIRE(listen(port.fd.get(), 8) == 0);
  CHECK(rig.bench.run(step) == ActionResult::done(fmt::format("connect to 127.0.0.1:{}: accepted", port.number)));
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);
}

TEST_CASE("wait.promql waits for samples of a real Prometheus, and only for those after the last step") {
  PrometheusRig rig;
  const std::string step = "wait.promql: {query: 'up{job=\"self\"}', is: 1, interval: 100ms}";
  const auto done = rig.bench.run(step);
  CHECK(done == ActionResult::done("promql up{job=\"self\"}: 1 sample(s) == 1"));
  CHECK(rig.bench.probe().probed == Probed::kDidNotHappen);

  rig.bench.set_newer_than(rig.clock.now() + 1h);
  const auto stale = rig.bench.run("wait.promql: {query: 'up{job=\"self\"}', is: 1, interval: 1h}");
  CHECK(stale.kind == Kind::kFailed);
  CHECK(stale.message.find("no sample is newer than the last step yet") != std::string::npos);
  const WallTime last_step = rig.clock.now();
  rig.bench.set_newer_than(last_step);
  CHECK(rig.bench.run(step).kind == Kind::kDone);
  const auto scraped = rig.api->query("timestamp(up{job=\"self\"})", rig.clock.deadline_in(10s), {}).value();
  CHECK(scraped.at(0).value > to_unix_seconds(last_step));
}

TEST_CASE("wait.promql that is never satisfied says why") {
  PrometheusRig rig;
  const auto wait = [&](const std::string& check) {
    const auto result = rig.bench.run("wait.promql: {query: " + check + ", interval: 1h}");
    CHECK(result.kind == Kind::kFailed);
    CHECK(result.reason == "timeout");
    return result.message;
  };
  CHECK(wait("'vector(0)', ge: 1").ends_with("promql vector(0): 0 is not >= 1"));
  CHECK(wait("'nothing', is: 1").ends_with("promql nothing: no samples"));
  CHECK(wait("'sum(', is: 1").find("parse error") != std::string::npos);
  (void)rig.daemon.stop();
  CHECK(wait("'vector(1)', is: 1").find("refused") != std::string::npos);
  rig.bench.world().prometheus.reset();
  CHECK(wait("'vector(1)', is: 1").ends_with("no Prometheus is configured"));
}

}  // namespace
}  // namespace heal::test
