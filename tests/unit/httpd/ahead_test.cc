// Clients that send their next request before they have the answer to the one before.
#include <ctime>
#include <functional>
#include <memory>
#include <poll.h>
#include <stop_token>

#include <catch2/catch.hpp>

#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

using test::Event;
using test::RawClient;
using test::TestServer;

/// A route that keeps its request and tells when the client is seen to be gone.
struct KeptRequest {
  KeptRequest(HttpServer& server, std::string_view path) {
    server.handle_deferred("GET", path, [this](const HttpRequest&, Responder responder) {
      kept = std::move(responder);
      callback = std::make_unique<std::stop_callback<std::function<void()>>>(kept.gone(), [this] { gone.set(); });
      arrived.set();
    });
  }

  Event arrived, gone;
  Responder kept;
  std::unique_ptr<std::stop_callback<std::function<void()>>> callback;
};

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

/// Returns when the loop has seen what was sent before.
void await_loop(std::uint16_t port) {
  REQUIRE(RawClient::fetch(port, "GET /missing").status == 404);
}

TEST_CASE("what a client sends ahead waits for its turn, and keeps nobody busy") {
  TestServer test;
  KeptRequest request(*test.server, "/later");
  const auto port = test.start();
  RawClient client(port);
  client.send(get("/later"));
  request.arrived.wait();
  client.send(get("/missing"));
  await_loop(port);
  CHECK_FALSE(request.kept.gone().stop_requested());
  // Idle: a loop that is told of the same input again and again would take all of this time, whatever else runs.
  const std::clock_t before = std::clock();
  pollfd nothing{client.fd(), POLLIN, 0};
  CHECK(::poll(&nothing, 1, 200) == 0);
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 10);
  request.kept.send(HttpResponse::text(200, "first"));
  CHECK(client.read_reply().body == "first");
  CHECK(client.read_reply().status == 404);
}

TEST_CASE("a client that goes is seen to go, also behind what it has sent ahead") {
  TestServer test;
  KeptRequest request(*test.server, "/later");
  const auto port = test.start();
  RawClient client(port);
  client.send(get("/later"));
  request.arrived.wait();
  client.send(get("/missing"));
  await_loop(port);
  client.close();
  request.gone.wait();
}

TEST_CASE("of a client that has left, every request that it sent ahead knows") {
  TestServer test;
  KeptRequest first(*test.server, "/first"), second(*test.server, "/second");
  RawClient client(test.start());
  client.send(get("/first") + get("/second"));
  client.finish();
  first.arrived.wait();
  first.gone.wait();
  first.kept.send(HttpResponse::text(200, "first"));
  CHECK(client.read_reply().body == "first");
  second.arrived.wait();
  second.gone.wait();
  second.kept.send(HttpResponse::text(200, "second"));
  CHECK(client.read_reply().body == "second");
}

}  // namespace
}  // namespace heal::httpd
