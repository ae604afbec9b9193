#include <cmath>
#include <fstream>
#include <memory>

#include <catch2/catch.hpp>

#include "common/sim/fake_clock.h"
#include "common/sim/scripted_prometheus_api.h"
#include "common/system/curl_http_client.h"
#include "common/system/http_prometheus_api.h"
#include "common/system/system_clock.h"
#include "tests/contract/ports/daemon.h"
#include "tests/support/tiny_server.h"

namespace heal {
namespace {

class PrometheusFixture {
 public:
  virtual ~PrometheusFixture() = default;
  virtual PrometheusApi& api() = 0;
  virtual Clock& clock() = 0;
  virtual void make_unavailable() = 0;

  Deadline soon() { return clock().deadline_in(20s); }
};

class SimPrometheus : public PrometheusFixture {
 public:
  SimPrometheus() {
    api_.on("42", {PromSample{{}, 42, std::nullopt}});
    api_.on("vector(1)", {PromSample{{}, 1, std::nullopt}});
    api_.on("absent(nothing{a=\"b\"})", {PromSample{{{"a", "b"}}, 1, std::nullopt}});
    api_.on("nothing", std::vector<PromSample>{});
    api_.on("0/0", {PromSample{{}, std::nan(""), std::nullopt}});
    api_.on("-1/0", {PromSample{{}, -HUGE_VAL, std::nullopt}});
    api_.on("\"text\"", make_error(ErrorCode::kInvalid, "a string"));
  }
  PrometheusApi& api() override { return api_; }
  Clock& clock() override { return clock_; }
  void make_unavailable() override { api_.set_status(make_error(ErrorCode::kUnreachable, "connection refused")); }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  ScriptedPrometheusApi api_{clock_};
};

class RealPrometheus : public PrometheusFixture {
 public:
  RealPrometheus() {
    std::ofstream(daemon_.folder() / "prometheus.yml") << "global: {scrape_interval: 1h}\n";
    daemon_.start({"/usr/bin/prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                   "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    const Deadline deadline = clock_.deadline_in(40s);
    while (!api_.ready(clock_.deadline_in(2s), {})) {
      if (clock_.steady_now() > deadline) FAIL("Prometheus does not start: " << daemon_.stop());
      clock_.sleep_for(50ms, {});
    }
  }
  PrometheusApi& api() override { return api_; }
  Clock& clock() override { return clock_; }
  void make_unavailable() override { (void)daemon_.stop(); }

 private:
  const std::uint16_t port_ = test::free_port();
  SystemClock clock_;
  test::Daemon daemon_;
  CurlHttpClient client_;
  HttpPrometheusApi api_{client_, {"http://127.0.0.1:" + std::to_string(port_) + "/", {}, {}}};
};

std::unique_ptr<PrometheusFixture> prometheus_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealPrometheus>();
  return std::make_unique<SimPrometheus>();
}

TEST_CASE("Prometheus answers expressions, refuses others, and is missed when it is gone") {
  const auto fixture = prometheus_fixture();
  const auto query = [&](const std::string& expression) {
    return fixture->api().query(expression, fixture->soon(), {});
  };
  CHECK(fixture->api().ready(fixture->soon(), {}).has_value());
  const WallTime before = fixture->clock().now();
  const auto scalar = query("42").value();
  REQUIRE(scalar.size() == 1);
  CHECK(scalar[0].value == 42);
  CHECK(scalar[0].labels.empty());
  REQUIRE(scalar[0].at.has_value());
  CHECK(*scalar[0].at >= before - 1ms);
  CHECK(query("vector(1)")->at(0).value == 1);
  CHECK(query("absent(nothing{a=\"b\"})")->at(0).labels == Labels{{"a", "b"}});
  CHECK(query("nothing")->empty());
  CHECK(std::isnan(query("0/0")->at(0).value));
  CHECK(query("-1/0")->at(0).value == -HUGE_VAL);
  CHECK(query("up{").error().code() == ErrorCode::kInvalid);
  CHECK(query("\"text\"").error().code() == ErrorCode::kInvalid);
  std::stop_source stop;
  stop.request_stop();
  CHECK(fixture->api().query("42", fixture->soon(), stop.get_token()).error().code() == ErrorCode::kCancelled);
  CHECK(fixture->api().query("42", fixture->clock().steady_now() - 1s, {}).error().code() == ErrorCode::kTimeout);
  fixture->make_unavailable();
  CHECK(query("42").error().code() == ErrorCode::kUnreachable);
  CHECK(fixture->api().ready(fixture->soon(), {}).error().code() == ErrorCode::kUnreachable);
}

TEST_CASE("a gateway's page in place of Prometheus is told by its status") {
  SystemClock clock;
  CurlHttpClient client;
  int status = 0;
  test::TinyServer server([&](const test::TinyRequest&, test::TinyConnection& connection) {
    connection.answer(status, "<html>no</html>", "text/html");
  });
  HttpPrometheusApi api(client, {server.url(), {}, {}});
  const auto error = [&](int given) {
    status = given;
    return api.query("1", clock.deadline_in(20s), {}).error().str();
  };
  CHECK(error(401) == "Prometheus answers 401: <html>no</html>");
  CHECK(api.query("1", clock.deadline_in(20s), {}).error().code() == ErrorCode::kUnauthorized);
  CHECK(error(502) == "Prometheus answers 502: <html>no</html>");
  CHECK(api.query("1", clock.deadline_in(20s), {}).error().code() == ErrorCode::kUnavailable);
  status = 200;
  CHECK(api.query("1", clock.deadline_in(20s), {}).error().code() == ErrorCode::kProtocol);
}

}  // namespace
}  // namespace heal
