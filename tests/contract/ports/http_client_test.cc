#include <algorithm>
#include <map>
#include <memory>
#include <stdlib.h>
#include <thread>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/base/text.h"
#include "common/sim/fake_clock.h"
#include "common/sim/scripted_http_client.h"
#include "common/system/curl_http_client.h"
#include "common/system/system_clock.h"
#include "tests/support/tiny_server.h"

namespace heal {
namespace {

using test::TinyConnection;
using test::TinyRequest;
using test::TinyServer;

constexpr Duration kNever = Duration::max();

/// A client and a server that answers as told.
class HttpFixture {
 public:
  virtual ~HttpFixture() = default;
  virtual HttpClient& client() = 0;
  virtual Clock& clock() = 0;
  virtual void serve(const std::string& method, const std::string& path, HttpAnswer answer) = 0;
  virtual std::string url() = 0;
  /// Blocks until a request waits for an answer that never comes.
  virtual void await_hanging() = 0;
  /// What the server got: method, body, value of header X-Test.
  virtual std::vector<std::vector<std::string>> got() = 0;

  Deadline soon() { return clock().deadline_in(20s); }
  Result<HttpClientResponse> send(const std::string& method, const std::string& path, std::string body = "") {
    return client().send({method, url() + path, {{"X-Test", "yes"}}, std::move(body), {}, {}}, soon(), {});
  }
};

class SimHttp : public HttpFixture {
 public:
  HttpClient& client() override { return client_; }
  Clock& clock() override { return clock_; }
  void serve(const std::string& method, const std::string& path, HttpAnswer answer) override {
    client_.on(method, url() + path, std::move(answer));
  }
  std::string url() override { return "http://sim.example:80"; }
  void await_hanging() override { clock_.wait_for_sleepers(1); }
  std::vector<std::vector<std::string>> got() override {
    std::vector<std::vector<std::string>> got;
    for (const auto& request : client_.requests())
      got.push_back({request.method, request.body, request.headers.empty() ? "" : request.headers[0].second});
    return got;
  }

 private:
  FakeClock clock_{FakeClock::Sleeping::kAdvances};
  ScriptedHttpClient client_{clock_};
};

class RealHttp : public HttpFixture {
 public:
  HttpClient& client() override { return client_; }
  Clock& clock() override { return clock_; }
  void serve(const std::string& method, const std::string& path, HttpAnswer answer) override {
    MutexLock lock(mutex_);
    answers_.insert_or_assign({method, path}, std::move(answer));
  }
  std::string url() override { return server_.url(); }
  void await_hanging() override {
    MutexLock lock(mutex_);
    while (hanging_ == 0)
      changed_.wait(mutex_);
  }
  std::vector<std::vector<std::string>> got() override {
    MutexLock lock(mutex_);
    return got_;
  }

 private:
  void handle(const TinyRequest& request, TinyConnection& connection) {
    std::optional<HttpAnswer> answer;
    {
      MutexLock lock(mutex_);
      got_.push_back({request.method, request.body, request.header("x-test")});
      if (const auto it = answers_.find({request.method, request.path()}); it != answers_.end()) answer = it->second;
      if (answer && answer->delay == kNever) {
        ++hanging_;
        changed_.notify_all();
      }
    }
    if (!answer || answer->delay == kNever) return connection.wait_closed();
    const HttpClientResponse& response = *answer->response;
    std::string text = fmt::format("HTTP/1.1 {} X\r\n", response.status);
    for (const auto& [name, value] : response.headers)
      text += name + ": " + value + "\r\n";
    connection.send(text + "Connection: close\r\n\r\n" + response.body);
    for (const std::string& chunk : answer->chunks)
      connection.send(chunk);
    if (answer->chunk_delay == kNever) connection.wait_closed();
  }

  SystemClock clock_;
  CurlHttpClient client_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::pair<std::string, std::string>, HttpAnswer> answers_ HEAL_GUARDED_BY(mutex_);
  std::vector<std::vector<std::string>> got_ HEAL_GUARDED_BY(mutex_);
  int hanging_ HEAL_GUARDED_BY(mutex_) = 0;
  TinyServer server_{[this](const TinyRequest& request, TinyConnection& connection) { handle(request, connection); }};
};

std::unique_ptr<HttpFixture> http_fixture() {
  if (GENERATE(false, true)) return std::make_unique<RealHttp>();
  return std::make_unique<SimHttp>();
}

HttpAnswer hangs() {
  return HttpAnswer::of(200, "", kNever);
}

TEST_CASE("an answer is given whatever its status, with its headers") {
  const auto fixture = http_fixture();
  const int status = GENERATE(200, 204, 302, 404, 500);
  HttpAnswer answer = HttpAnswer::of(status, status == 204 ? "" : "body");
  answer.response->headers = {{"X-One", "1"}, {"Location", "http://127.0.0.1:1/elsewhere"}};
  fixture->serve("GET", "/a", answer);
  const auto response = fixture->send("GET", "/a");
  REQUIRE(response.has_value());
  CHECK(response->status == status);
  CHECK(response->body == answer.response->body);
  CHECK(std::count(response->headers.begin(), response->headers.end(),
                   std::pair<std::string, std::string>("X-One", "1")) == 1);
  CHECK(response->ok() == (status < 300));
}

TEST_CASE("method, headers and body arrive as given") {
  const auto fixture = http_fixture();
  const std::string method = GENERATE("GET", "POST", "PUT", "DELETE", "PATCH");
  const std::string body = method == "GET" ? "" : std::string(100'000, 'x') + "\n{\"a\":1}";
  fixture->serve(method, "/a", HttpAnswer::of(200, "ok"));
  REQUIRE(fixture->send(method, "/a", body).has_value());
  CHECK(fixture->got() == std::vector<std::vector<std::string>>{{method, body, "yes"}});
}

TEST_CASE("an answer over the limit is too large") {
  const auto fixture = http_fixture();
  fixture->serve("GET", "/a", HttpAnswer::of(200, std::string(1001, 'x')));
  HttpClientRequest request{"GET", fixture->url() + "/a", {}, "", {}, {}};
  request.max_response_bytes = 1000;
  const auto over = fixture->client().send(request, fixture->soon(), {});
  REQUIRE_FALSE(over.has_value());
  CHECK(over.error().code() == ErrorCode::kTooLarge);
  CHECK(over.error().str() == "GET " + request.url + ": the answer is larger than 1000 bytes");
  request.max_response_bytes = 1001;
  CHECK(fixture->client().send(request, fixture->soon(), {}).has_value());
}

TEST_CASE("a server that never answers is given up at the deadline") {
  const auto fixture = http_fixture();
  fixture->serve("GET", "/a", hangs());
  const auto response =
      fixture->client().send({"GET", fixture->url() + "/a", {}, "", {}, {}}, fixture->clock().deadline_in(50ms), {});
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == ErrorCode::kTimeout);
  CHECK(response.error().str() == "GET " + fixture->url() + "/a: timed out");
}

TEST_CASE("a stop ends the waiting") {
  const auto fixture = http_fixture();
  fixture->serve("GET", "/a", hangs());
  std::stop_source stop;
  Result<HttpClientResponse> response;
  std::thread caller([&] {
    response =
        fixture->client().send({"GET", fixture->url() + "/a", {}, "", {}, {}}, SteadyTime::max(), stop.get_token());
  });
  fixture->await_hanging();
  stop.request_stop();
  caller.join();
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == ErrorCode::kCancelled);
}

TEST_CASE("what is no URL is invalid") {
  const auto fixture = http_fixture();
  for (const char* url : {"", "nonsense", "ftp://example/", "file:///etc/passwd", "http://"}) {
    CAPTURE(url);
    const auto response = fixture->client().send({"GET", url, {}, "", {}, {}}, fixture->soon(), {});
    REQUIRE_FALSE(response.has_value());
    CHECK(response.error().code() == ErrorCode::kInvalid);
  }
}

TEST_CASE("nobody listening is unreachable") {
  const auto fixture = http_fixture();
  const auto response = fixture->client().send({"GET", "http://127.0.0.1:1/", {}, "", {}, {}}, fixture->soon(), {});
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code() == ErrorCode::kUnreachable);
  CHECK(response.error().str().starts_with("GET http://127.0.0.1:1/: connection refused"));
}

TEST_CASE("a streamed body arrives piece by piece until its end") {
  const auto fixture = http_fixture();
  HttpAnswer answer = HttpAnswer::of(200);
  answer.chunks = {"one ", "two ", "three"};
  fixture->serve("GET", "/s", answer);
  std::string received;
  const auto response = fixture->client().stream({"GET", fixture->url() + "/s", {}, "", {}, {}},
                                                 [&](std::string_view chunk) {
                                                   received += chunk;
                                                   return StreamNext::kContinue;
                                                 },
                                                 fixture->soon(), {});
  REQUIRE(response.has_value());
  CHECK(response->status == 200);
  CHECK(response->body.empty());
  CHECK(received == "one two three");
}

TEST_CASE("a receiver may end a stream that has no end") {
  const auto fixture = http_fixture();
  HttpAnswer answer = HttpAnswer::of(200);
  answer.chunks = {"tick"};
  answer.chunk_delay = GENERATE_COPY(values({kNever}));
  if (dynamic_cast<SimHttp*>(fixture.get()) != nullptr) answer.chunk_delay = {};
  fixture->serve("GET", "/s", answer);
  std::string received;
  const auto response = fixture->client().stream({"GET", fixture->url() + "/s", {}, "", {}, {}},
                                                 [&](std::string_view chunk) {
                                                   received += chunk;
                                                   return StreamNext::kEnd;
                                                 },
                                                 fixture->soon(), {});
  REQUIRE(response.has_value());
  CHECK(received == "tick");
}

TEST_CASE("a refusal is collected and not streamed") {
  const auto fixture = http_fixture();
  fixture->serve("GET", "/s", HttpAnswer::of(503, "try later"));
  bool streamed = false;
  const auto response = fixture->client().stream({"GET", fixture->url() + "/s", {}, "", {}, {}},
                                                 [&](std::string_view) {
                                                   streamed = true;
                                                   return StreamNext::kContinue;
                                                 },
                                                 fixture->soon(), {});
  REQUIRE(response.has_value());
  CHECK(response->status == 503);
  CHECK(response->body == "try later");
  CHECK_FALSE(streamed);
}

// What only the real one can meet.

struct Broken {
  std::string name, bytes;
  ErrorCode code;
  std::string reason;
};

TEST_CASE("an answer that breaks off or is none is told from one that comes late") {
  const auto c = GENERATE(values<Broken>({
      {"closed at once", "", ErrorCode::kUnavailable, "the connection was closed without an answer"},
      {"broken body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ErrorCode::kUnavailable,
       "the connection broke"},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", ErrorCode::kProtocol, "the answer is not HTTP"},
      {"endless header", "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'), ErrorCode::kUnavailable, ""},
  }));
  CAPTURE(c.name);
  SystemClock clock;
  CurlHttpClient client;
  TinyServer server([&](const TinyRequest&, TinyConnection& connection) { connection.send(c.bytes); });
  const auto response = client.send({"GET", server.url(), {}, "", {}, {}}, clock.deadline_in(20s), {});
  REQUIRE_FALSE(response.has_value());
  if (c.reason.empty()) return;
  CHECK(response.error().code() == c.code);
  CHECK(response.error().str() == "GET " + server.url() + ": " + c.reason);
}

TEST_CASE("a header or method that would smuggle another request is refused") {
  SystemClock clock;
  CurlHttpClient client;
  TinyServer server([](const TinyRequest&, TinyConnection& connection) { connection.answer(200, "{}"); });
  const Deadline soon = clock.deadline_in(20s);
  const auto code = [&](const HttpClientRequest& request) {
    const auto response = client.send(request, soon, {});
    return response ? "ok" : std::string(to_string(response.error().code()));
  };
  CHECK(code({"GET", server.url(), {{"X", "a\r\nY: b"}}, "", {}, {}}) == "invalid");
  CHECK(code({"GET", server.url(), {{"X\r\nY", "a"}}, "", {}, {}}) == "invalid");
  CHECK(code({"GET / HTTP/1.1\r\nX: y\r\n\r\n", server.url(), {}, "", {}, {}}) == "invalid");
  CHECK(code({"GET", server.url() + "/a b", {}, "", {}, {}}) == "invalid");
  CHECK(code({"GET", server.url() + "/a\r\nX: y", {}, "", {}, {}}) == "invalid");
  CHECK(code({"GET", server.url() + "/a", {{"X", ""}}, "", {}, {}}) == "ok");
}

TEST_CASE("credentials are sent, and no message shows them") {
  SystemClock clock;
  CurlHttpClient client;
  std::string authorization;
  TinyServer server([&](const TinyRequest& request, TinyConnection& connection) {
    authorization = request.header("authorization");
    connection.answer(200, "{}");
  });
  HttpClientRequest request{"GET", server.url(), {}, "", std::pair<std::string, std::string>("user", "s3cret"), {}};
  REQUIRE(client.send(request, clock.deadline_in(20s), {}).has_value());
  CHECK(authorization == "Basic dXNlcjpzM2NyZXQ=");
  request.url = "http://user:s3cret@127.0.0.1:1/path?token=s3cret#s3cret";
  const auto refused = client.send(request, clock.deadline_in(20s), {});
  CHECK(refused.error().str() == "GET http://127.0.0.1:1/path: connection refused");
}

TEST_CASE("a proxy named by the environment is not used") {
  SystemClock clock;
  CurlHttpClient client;
  TinyServer server([](const TinyRequest&, TinyConnection& connection) { connection.answer(200, "{}"); });
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const auto response = client.send({"GET", server.url(), {}, "", {}, {}}, clock.deadline_in(20s), {});
  ::unsetenv("http_proxy");
  CHECK(response.has_value());
}

}  // namespace
}  // namespace heal
