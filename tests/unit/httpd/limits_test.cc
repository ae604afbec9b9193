// What a client may use up, and how it is stopped. Deadlines are short and awaited: no test measures time.
#include <sys/socket.h>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

using test::Event;
using test::RawClient;
using test::TestServer;

HttpResponse body_size(const HttpRequest& request) {
  return HttpResponse::text(200, std::to_string(request.body.size()));
}

ServerOptions with(Limits limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

const std::string kGet = "GET /x HTTP/1.1\r\nHost: a\r\n";

TEST_CASE("what is no request is answered with the reason and closed") {
  TestServer test;
  test.server->get("/x", body_size);
  test.server->post("/x", body_size);
  const auto port = test.start();
  struct Case {
    std::string text;
    int status;
  };
  const auto c = GENERATE_COPY(values<Case>({
      {"nonsense\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/3\r\n", 505},
      {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {kGet + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {kGet + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {kGet + "Content-Length: 9999999\r\n\r\n", 413},
      {"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400},
      {"GET /" + std::string(20'000, 'a'), 414},
      {kGet + "A: " + std::string(20'000, 'a'), 431},
  }));
  CAPTURE(c.text.substr(0, 60));
  RawClient client(port);
  client.send(c.text);
  const auto reply = client.read_reply();
  REQUIRE(reply.status == c.status);
  REQUIRE(reply.header("Connection") == "close");
  REQUIRE(client.read_to_end().empty());
}

TEST_CASE("a route may allow more or less than the server") {
  Limits limits;
  limits.body_bytes = 10;
  TestServer test(with(limits));
  test.server->post("/x", body_size);
  RouteOptions more;
  more.body_bytes = 100'000;
  test.server->post("/big", body_size, more);
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "POST /x", "", std::string(10, 'a')).body == "10");
  REQUIRE(RawClient::fetch(port, "POST /x", "", std::string(11, 'a')).status == 413);
  REQUIRE(RawClient::fetch(port, "POST /big", "", std::string(100'000, 'a')).body == "100000");
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"body_too_large\"}") == "1");
}

TEST_CASE("what is wrong with a body is said in the form of every other refusal, and in none of the next request's") {
  TestServer test;
  test.server->post("/api/x", body_size);
  test.server->post("/x", body_size);
  const auto port = test.start();
  const auto answer_to = [&](const std::string& text) {
    RawClient client(port);
    client.send("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    REQUIRE(client.read_reply().status == 200);
    client.send(text);
    const auto reply = client.read_reply();
    return reply.header("Content-Type") + " " + reply.body;
  };
  const std::string too_large = "Host: a\r\nContent-Length: 9999999\r\n";
  const std::string chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string plain = "text/plain; charset=utf-8 ", json = "application/json ";
  CHECK(answer_to("POST /api/x HTTP/1.1\r\n" + too_large + "\r\n") ==
        json + "{\"error\":{\"code\":\"payload_too_large\",\"message\":\"the request body is too large\"}}\n");
  CHECK(answer_to("POST /api/x HTTP/1.1\r\n" + chunked + "9999999\r\na") ==
        json + "{\"error\":{\"code\":\"payload_too_large\",\"message\":\"the request body is too large\"}}\n");
  CHECK(answer_to("POST /api/x HTTP/1.1\r\n" + chunked + "ZZ\r\n") ==
        json + "{\"error\":{\"code\":\"bad_request\",\"message\":\"malformed chunked body\"}}\n");
  CHECK(answer_to("POST /x HTTP/1.1\r\n" + too_large + "\r\n") == plain + "the request body is too large\n");
  CHECK(answer_to("POST /x HTTP/1.1\r\n" + too_large + "Content-Type: application/json\r\n\r\n") ==
        json + "{\"error\":\"the request body is too large\"}\n");
  CHECK(answer_to("nonsense\r\n").starts_with(plain));
}

TEST_CASE("the answer to a body that is too large arrives although the client goes on sending") {
  TestServer test;
  test.server->post("/x", body_size);
  RawClient client(test.start());
  client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
  client.try_send(std::string(1'000'000, 'a'));
  REQUIRE(client.read_reply().status == 413);
}

TEST_CASE("a chunked body is decoded, and capped") {
  Limits limits;
  limits.body_bytes = 20;
  TestServer test(with(limits));
  test.server->post("/x", [](const HttpRequest& request) { return HttpResponse::text(200, request.body); });
  RawClient client(test.start());
  const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.send(head + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  REQUIRE(client.read_reply().body == "hello world");
  client.send(head + "15\r\n" + std::string(21, 'a'));
  REQUIRE(client.read_reply().status == 413);
}

TEST_CASE("100 Continue is sent when the body is wanted, and not when it is refused") {
  TestServer test;
  test.server->post("/x", body_size);
  const auto port = test.start();
  RawClient wanted(port);
  wanted.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(wanted.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  wanted.send("abc");
  REQUIRE(wanted.read_reply().body == "3");
  RawClient refused(port);
  refused.send("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(refused.read_reply().status == 404);
}

TEST_CASE("a head that never ends gets 408, a silent connection is closed") {
  Limits limits;
  limits.head_timeout = 1s;
  TestServer test(with(limits));
  const auto port = test.start();
  RawClient slow(port);
  slow.send("GET /x HT");
  RawClient silent(port);
  REQUIRE(slow.read_reply().status == 408);
  REQUIRE(silent.read_to_end().empty());
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"timeout\"}") == "1");
}

TEST_CASE("a body that never ends gets 408") {
  Limits limits;
  limits.body_timeout = 50ms;
  TestServer test(with(limits));
  test.server->post("/x", body_size);
  RawClient slow(test.start());
  slow.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
  REQUIRE(slow.read_reply().status == 408);
}

TEST_CASE("a connection that stays idle after a request is closed") {
  Limits limits;
  limits.idle_timeout = 50ms;
  TestServer test(with(limits));
  test.server->get("/x", body_size);
  RawClient client(test.start());
  client.send(kGet + "\r\n");
  REQUIRE(client.read_reply().status == 200);
  REQUIRE(client.read_to_end().empty());
}

TEST_CASE("a client that does not read its answer is cut off") {
  Limits limits;
  limits.write_timeout = 50ms;
  TestServer test(with(limits));
  Event gone;
  test.server->get("/big", [](const HttpRequest&) { return HttpResponse::text(200, std::string(32 << 20, 'a')); });
  RawClient client(test.start());
  const int small = 4096;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  while (test.metric("heal_http_connections") != "0" ||
         test.metric("heal_http_requests_total{code=\"200\",handler=\"/big\"}").empty()) {
    std::this_thread::yield();
  }
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"slow_reader\"}") == "1");
}

TEST_CASE("slow clients hold no worker") {
  ServerOptions options;
  options.workers = 1;
  options.queue = 1;
  TestServer test(std::move(options));
  test.server->get("/x", body_size);
  const auto port = test.start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(port));
    slow.back()->send("GET /x HTTP/1.1\r\nHo");
  }
  REQUIRE(RawClient::fetch(port, "GET /x").status == 200);
}

TEST_CASE("the connection idle longest makes room for a new one; if none is idle the new one gets 503") {
  Limits limits;
  limits.connections = 2;
  TestServer test(with(limits));
  test.server->get("/x", body_size);
  test.server->post("/x", body_size);
  const auto port = test.start();
  RawClient oldest(port), second(port);
  oldest.send(kGet + "\r\n");
  REQUIRE(oldest.read_reply().status == 200);
  second.send(kGet + "\r\n");
  REQUIRE(second.read_reply().status == 200);
  RawClient third(port);
  third.send(kGet + "\r\n");
  REQUIRE(third.read_reply().status == 200);
  REQUIRE(oldest.read_to_end().empty());
  // Both are seen to be at work: the server asks them for their bodies.
  for (RawClient* busy : {&second, &third}) {
    busy->send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    REQUIRE(busy->read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  }
  RawClient fourth(port);
  const auto reply = fourth.read_to_end();
  REQUIRE(reply.find("503") != std::string::npos);
  REQUIRE(reply.find("too many connections") != std::string::npos);
}

TEST_CASE("a client may close its side before it has its answer") {
  TestServer test;
  Event entered, release;
  test.server->get("/slow", [&](const HttpRequest&) {
    entered.set();
    release.wait();
    return HttpResponse::text(200, "still here");
  });
  RawClient client(test.start());
  client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  client.finish();
  release.set();
  REQUIRE(client.read_reply().body == "still here");
  REQUIRE(client.read_to_end().empty());
}

}  // namespace
}  // namespace heal::httpd
