#include "compose/demo_api/app.h"

#include <map>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/sim/fake_clock.h"
#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::demo {
namespace {

using httpd::test::Event;
using httpd::test::RawClient;

/// The demo API on a free loopback port, its clock, its log, and how it was told to end.
class Demo {
 public:
  Demo() {
    DemoOptions options;
    options.name = "onprem";
    options.listen = {"127.0.0.1:0"};
    options.crash = [this](int code) {
      crashed_with = code;
      crashed.set();
    };
    LoggerOptions log;
    log.sink = [this](std::string_view line) {
      MutexLock lock(mutex_);
      log_ += line;
      changed_.notify_all();
    };
    auto clock_of_it = std::make_unique<FakeClock>();
    clock = clock_of_it.get();
    auto made = DemoApi::create(std::move(options), std::move(clock_of_it), Logger(std::move(log)));
    REQUIRE(made.has_value());
    api = std::move(*made);
    REQUIRE(api->start().has_value());
  }

  RawClient::Reply get(std::string_view path) { return RawClient::fetch(api->port(), "GET " + std::string(path)); }
  RawClient::Reply post(std::string_view path, std::string_view body = "") {
    return RawClient::fetch(api->port(), "POST " + std::string(path), "Content-Type: application/json\r\n", body);
  }
  void mode(std::string_view body) { REQUIRE(post("/mode", body).status == 200); }

  std::size_t lines_with(std::string_view what) {
    MutexLock lock(mutex_);
    std::size_t count = 0;
    for (auto at = log_.find(what); at != std::string::npos; at = log_.find(what, at + 1))
      ++count;
    return count;
  }
  void wait_for_line(std::string_view what) {
    MutexLock lock(mutex_);
    const auto patience = std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()) + 20s;
    while (log_.find(what) == std::string::npos) {
      REQUIRE(std::chrono::steady_clock::now() < patience);
      changed_.wait_until(mutex_, patience);
    }
  }

  FakeClock* clock = nullptr;
  int crashed_with = -1;
  Event crashed;

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string log_ HEAL_GUARDED_BY(mutex_);

 public:
  std::unique_ptr<DemoApi> api;  // last: stops before what it uses goes
};

TEST_CASE("the demo API says who answers and how it is") {
  Demo demo;
  CHECK(demo.get("/").body.find("onprem serves this page") != std::string::npos);
  CHECK(demo.get("/api").body == R"({"answered":1,"served_by":"onprem"})");
  CHECK(demo.get("/api").body == R"({"answered":2,"served_by":"onprem"})");
  const auto health = demo.get("/health");
  CHECK(health.status == 200);
  CHECK(health.body == R"({"served_by":"onprem","status":"ok"})");
  CHECK(demo.get("/-/healthy").status == 200);
  const auto metrics = demo.get("/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body.find("\ndemo_api_healthy 1\n") != std::string::npos);
  CHECK(metrics.body.find("\ndemo_api_http_requests_total{code=\"200\",handler=\"/health\"} 1\n") != std::string::npos);
}

TEST_CASE("told to be unhealthy it answers 503 on /health and serves on") {
  Demo demo;
  demo.mode(R"({"healthy": false})");
  const auto health = demo.get("/health");
  CHECK(health.status == 503);
  CHECK(health.body == R"({"served_by":"onprem","status":"unhealthy"})");
  CHECK(demo.get("/api").status == 200);
  CHECK(demo.get("/metrics").body.find("\ndemo_api_healthy 0\n") != std::string::npos);
  demo.mode(R"({"healthy": true})");
  CHECK(demo.get("/health").status == 200);
}

TEST_CASE("told to fail it answers that share of /api with 500, and /health as before") {
  Demo demo;
  demo.mode(R"({"errors": 0.5})");
  std::map<int, int> seen;
  for (int i = 0; i < 6; ++i)
    ++seen[demo.get("/api").status];
  CHECK(seen == std::map<int, int>{{200, 3}, {500, 3}});
  CHECK(demo.get("/health").status == 200);
  CHECK(demo.get("/metrics").body.find("\ndemo_api_http_requests_total{code=\"500\",handler=\"/api\"} 3\n") !=
        std::string::npos);
}

TEST_CASE("told to be slow it answers so much later, but not its metrics") {
  Demo demo;
  demo.mode(R"({"slow": "2s"})");
  demo.clock->wait_for_sleepers(1);  // the heartbeat
  auto slow = RawClient::ask(demo.api->port(), "GET /health");
  demo.clock->wait_for_sleepers(2);
  CHECK(demo.get("/metrics").status == 200);
  CHECK(demo.get("/mode").body.find(R"("slow":"2s")") != std::string::npos);
  demo.clock->advance(2s);
  CHECK(slow.read_reply().status == 200);
}

TEST_CASE("an answer that is slow on purpose does not hold up the end") {
  Demo demo;
  demo.mode(R"({"slow": "30s"})");
  auto slow = RawClient::ask(demo.api->port(), "GET /api");
  demo.clock->wait_for_sleepers(2);
  demo.api->stop();
  CHECK(demo.lines_with("path=/api") == 1);
}

TEST_CASE("a heartbeat and every request are in the log, until it is told to be silent") {
  Demo demo;
  demo.clock->wait_for_sleepers(1);
  demo.clock->advance(5s);
  demo.wait_for_line("msg=alive");
  demo.get("/api");
  CHECK(demo.lines_with("path=/api") == 1);
  demo.clock->wait_for_sleepers(1);
  demo.mode(R"({"silent": true})");
  demo.get("/api");
  demo.clock->advance(5s);
  demo.clock->wait_for_sleepers(1);
  CHECK(demo.lines_with("path=/api") == 1);
  CHECK(demo.lines_with("msg=alive") == 1);
}

TEST_CASE("it holds as much memory as it is told, and gives it back") {
  Demo demo;
  demo.mode(R"({"memory_mib": 5})");
  CHECK(demo.get("/metrics").body.find("\ndemo_api_ballast_bytes 5.24288e+06\n") != std::string::npos);
  demo.mode(R"({"memory_mib": 0})");
  CHECK(demo.get("/metrics").body.find("\ndemo_api_ballast_bytes 0\n") != std::string::npos);
}

TEST_CASE("a mode that cannot be is refused with its place, and nothing changes") {
  Demo demo;
  const auto refused = demo.post("/mode", R"({"healthy": false, "errors": 2})");
  CHECK(refused.status == 400);
  CHECK(refused.body == R"({"error":"/errors: expected a share from 0 to 1"})");
  CHECK(demo.get("/health").status == 200);
}

TEST_CASE("told to crash it ends with that exit code") {
  Demo demo;
  CHECK(demo.post("/crash?code=400").status == 400);
  CHECK(demo.get("/crash").status == 405);
  CHECK(demo.crashed_with == -1);
  CHECK(demo.post("/crash?code=3").status == 202);
  demo.crashed.wait();
  CHECK(demo.crashed_with == 3);
  CHECK(demo.lines_with("told to crash") == 1);
}

}  // namespace
}  // namespace heal::demo
