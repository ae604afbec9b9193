#include "common/httpd/server.h"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

using test::Event;
using test::RawClient;
using test::TestServer;

HttpResponse echo(const HttpRequest& request) {
  std::string text = request.method + " " + request.path + " tail=" + request.tail;
  for (const auto& [name, value] : request.query)
    text += " " + name + "=" + value;
  return HttpResponse::text(200, text + "\n" + request.body);
}

TEST_CASE("a request reaches its handler with path, query, tail and body decoded") {
  TestServer test;
  test.server->post("/api/*", echo);
  const auto port = test.start();
  const auto reply = RawClient::fetch(port, "POST /api/a%20b/c?x=1%2B1&y=a+b", "", "hello");
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "POST /api/a b/c tail=a b/c x=1+1 y=a b\nhello");
  REQUIRE(reply.header("Content-Type") == "text/plain; charset=utf-8");
  REQUIRE(reply.header("Connection") == "close");
  test.server->stop();
  REQUIRE(test.metric("heal_http_requests_total{code=\"200\",handler=\"/api/*\"}") == "1");
  REQUIRE(test.metric("heal_http_connections") == "0");
}

TEST_CASE("a query parameter's value is all that follows its first equals sign, as net/url has it") {
  TestServer test;
  test.server->get("/probe", echo);
  const auto port = test.start();
  CHECK(RawClient::fetch(port, "GET /probe?target=http://a/?b=c=d&match[]=x=y&debug&empty=&&module=m").body ==
        "GET /probe tail= debug= empty= match[]=x=y module=m target=http://a/?b=c=d\n");
}

TEST_CASE("exact patterns beat prefixes and longer prefixes beat shorter ones") {
  TestServer test;
  const auto named = [](std::string name) {
    return [name](const HttpRequest&) { return HttpResponse::text(200, name); };
  };
  test.server->get("/*", named("all"));
  test.server->get("/a/*", named("prefix"));
  test.server->get("/a/b", named("exact"));
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "GET /a/b").body == "exact");
  REQUIRE(RawClient::fetch(port, "GET /a/c").body == "prefix");
  REQUIRE(RawClient::fetch(port, "GET /b").body == "all");
}

TEST_CASE("a star within a pattern stands for one segment, which is the tail") {
  TestServer test;
  const auto tail = [](const std::string& name) {
    return [name](const HttpRequest& request) { return HttpResponse::text(200, name + ":" + request.tail); };
  };
  test.server->get("/a/*", tail("all"));
  test.server->get("/a/*/end", tail("segment"));
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "GET /a/b/end").body == "segment:b");
  REQUIRE(RawClient::fetch(port, "GET /a/b/other").body == "all:b/other");
  REQUIRE(RawClient::fetch(port, "GET /a/b/c/end").body == "all:b/c/end");
  REQUIRE(RawClient::fetch(port, "GET /a//end").body == "all:/end");
  REQUIRE(RawClient::fetch(port, "POST /a/b/end").status == 405);
}

TEST_CASE("an unknown path is 404 and a known one with another method 405 with Allow") {
  TestServer test;
  test.server->get("/metrics", echo);
  test.server->post("/metrics", echo);
  const auto port = test.start();
  const auto missing = RawClient::fetch(port, "GET /nothing");
  REQUIRE(missing.status == 404);
  REQUIRE(missing.body == "there is nothing at this path\n");
  const auto json = RawClient::fetch(port, "GET /nothing", "Accept: application/json\r\n");
  REQUIRE(json.body == "{\"error\":\"there is nothing at this path\"}\n");
  const auto wrong = RawClient::fetch(port, "DELETE /metrics");
  REQUIRE(wrong.status == 405);
  REQUIRE(wrong.header("Allow") == "GET, HEAD, POST");
}

TEST_CASE("HEAD is answered like GET without the body") {
  TestServer test;
  test.server->get("/x", [](const HttpRequest&) { return HttpResponse::text(200, "twelve bytes"); });
  RawClient client(test.start());
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto head = client.read_head_reply();
  REQUIRE(head.status == 200);
  REQUIRE(head.header("Content-Length") == "12");
  REQUIRE(client.read_reply().body == "twelve bytes");
}

TEST_CASE("pipelined requests are answered in order, also after the client closed its side") {
  TestServer test;
  test.server->get("/*", echo);
  RawClient client(test.start());
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  client.finish();
  REQUIRE(client.read_reply().body == "GET /1 tail=1\n");
  REQUIRE(client.read_reply().body == "GET /2 tail=2\n");
  REQUIRE(client.read_reply().body == "GET /3 tail=3\n");
  REQUIRE(client.read_to_end().empty());
}

TEST_CASE("a long body is sent as gzip to who accepts it") {
  TestServer test;
  test.server->get("/x", [](const HttpRequest&) { return HttpResponse::text(200, std::string(5000, 'a')); });
  const auto port = test.start();
  const auto packed = RawClient::fetch(port, "GET /x", "Accept-Encoding: br, gzip\r\n");
  REQUIRE(packed.header("Content-Encoding") == "gzip");
  REQUIRE(packed.body.size() < 200);
  const auto plain = RawClient::fetch(port, "GET /x", "Accept-Encoding: gzip;q=0\r\n");
  REQUIRE(plain.header("Content-Encoding").empty());
  REQUIRE(plain.body.size() == 5000);
}

TEST_CASE("a Range header changes nothing") {
  TestServer test;
  test.server->get("/x", [](const HttpRequest&) { return HttpResponse::text(200, "0123456789"); });
  std::string ranges = "0-1";
  for (int i = 0; i < 1000; ++i)
    ranges += ",0-";
  const auto reply = RawClient::fetch(test.start(), "GET /x", "Range: bytes=" + ranges + "\r\n");
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "0123456789");
}

TEST_CASE("a throwing handler is a 500 without its text, and is logged") {
  TestServer test;
  test.server->get("/x", [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("secret inside"); });
  test.server->get("/y", [](const HttpRequest&) -> HttpResponse { throw 3; });
  const auto port = test.start();
  const auto reply = RawClient::fetch(port, "GET /x");
  REQUIRE(reply.status == 500);
  REQUIRE(reply.head.find("secret") == std::string::npos);
  REQUIRE(reply.body == "internal error\n");
  REQUIRE(RawClient::fetch(port, "GET /y").status == 500);
  test.server->stop();
  REQUIRE(test.log().find("msg=\"handler failed\" handler=/x err=\"secret inside\"") != std::string::npos);
}

TEST_CASE("a deferred answer comes from another thread and holds none meanwhile") {
  ServerOptions options;
  options.workers = 1;
  TestServer test(std::move(options));
  Event both;
  Mutex mutex;
  std::vector<Responder> waiting;
  test.server->handle_deferred("GET", "/later", [&](const HttpRequest&, Responder responder) {
    MutexLock lock(mutex);
    waiting.push_back(std::move(responder));
    if (waiting.size() == 2) both.set();
  });
  test.server->get("/now", [](const HttpRequest&) { return HttpResponse::text(200, "now"); });
  const auto port = test.start();
  RawClient one(port), two(port);
  one.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  two.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  both.wait();
  REQUIRE(RawClient::fetch(port, "GET /now").body == "now");
  std::jthread([&] {
    MutexLock lock(mutex);
    for (auto& responder : waiting) {
      responder.send(HttpResponse::json(202, "{}"));
      responder.send(HttpResponse::json(500, "a second answer counts for nothing"));
    }
  }).join();
  REQUIRE(one.read_reply().status == 202);
  REQUIRE(two.read_reply().body == "{}");
  one.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(one.read_reply().body == "now");
}

TEST_CASE("a responder that is dropped answers 500") {
  TestServer test;
  test.server->handle_deferred("GET", "/x", [](const HttpRequest&, Responder) {});
  REQUIRE(RawClient::fetch(test.start(), "GET /x").status == 500);
}

TEST_CASE("a deferred handler sees that its client has gone") {
  TestServer test;
  Event arrived, gone;
  Responder kept;
  std::unique_ptr<std::stop_callback<std::function<void()>>> callback;
  test.server->handle_deferred("GET", "/x", [&](const HttpRequest&, Responder responder) {
    kept = std::move(responder);
    callback = std::make_unique<std::stop_callback<std::function<void()>>>(kept.gone(), [&] { gone.set(); });
    arrived.set();
  });
  RawClient client(test.start());
  client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  arrived.wait();
  REQUIRE_FALSE(kept.gone().stop_requested());
  client.close();
  gone.wait();
  kept.send(HttpResponse::text(200, "to nobody"));
}

TEST_CASE("a responder may outlive its server") {
  Responder kept;
  StreamWriter stream;
  {
    TestServer test;
    Event arrived, streaming;
    test.server->handle_deferred("GET", "/x", [&](const HttpRequest&, Responder responder) {
      kept = std::move(responder);
      arrived.set();
    });
    test.server->handle_deferred("GET", "/s", [&](const HttpRequest&, Responder responder) {
      stream = responder.open_stream();
      streaming.set();
    });
    const auto port = test.start();
    RawClient client(port), reader(port);
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    reader.send("GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    arrived.wait();
    streaming.wait();
    test.server->stop(0s);
  }
  REQUIRE(kept.gone().stop_requested());
  kept.send(HttpResponse::text(200, "too late"));
  REQUIRE_FALSE(stream.write("too late"));
}

TEST_CASE("a full main pool answers 503 with Retry-After while admin routes stay responsive") {
  ServerOptions options;
  options.workers = 1;
  options.queue = 1;
  TestServer test(std::move(options));
  Event entered, release;
  test.server->get("/slow", [&](const HttpRequest&) {
    entered.set();
    release.wait();
    return HttpResponse::text(200, "done");
  });
  RouteOptions admin;
  admin.route_class = RouteClass::kAdmin;
  test.server->get(
      "/-/healthy", [](const HttpRequest&) { return HttpResponse::text(200, "ok"); }, admin);
  const auto port = test.start();
  RawClient running(port), one(port), two(port);
  running.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  // The queue holds one of these two, whichever the loop reads first; the other is refused.
  one.send("GET /slow HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
  two.send("GET /slow HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
  RawClient& answered = test::first_readable(one, two);
  const auto refused = answered.read_reply();
  REQUIRE(refused.status == 503);
  REQUIRE(refused.body == "{\"error\":\"overloaded, try again\"}\n");
  REQUIRE(refused.header("Retry-After") == "1");
  REQUIRE(RawClient::fetch(port, "GET /-/healthy").body == "ok");
  release.set();
  REQUIRE(running.read_reply().body == "done");
  REQUIRE((&answered == &one ? two : one).read_reply().body == "done");
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"queue_full\"}") == "1");
}

TEST_CASE("a route of the loop is served while every worker is busy, and may fail like any other") {
  ServerOptions options;
  options.workers = 1;
  options.queue = 1;
  TestServer test(std::move(options));
  Event entered, release;
  test.server->get("/slow", [&](const HttpRequest&) {
    entered.set();
    release.wait();
    return HttpResponse::text(200, "done");
  });
  RouteOptions loop;
  loop.route_class = RouteClass::kLoop;
  test.server->handle_deferred(
      "GET", "/quick",
      [](const HttpRequest& request, Responder responder) {
        if (request.param("fail")) throw std::runtime_error("on purpose");
        responder.send(HttpResponse::text(200, "quick"));
      },
      loop);
  const auto port = test.start();
  RawClient running(port), waiting(port), client(port);
  running.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  waiting.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  client.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /quick?fail=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.read_reply().body == "quick");
  CHECK(client.read_reply().status == 500);
  release.set();
  CHECK(running.read_reply().body == "done");
  CHECK(waiting.read_reply().body == "done");
}

TEST_CASE("a separate admin listener serves admin routes only") {
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.admin_listen = {"127.0.0.1:0"};
  TestServer test(std::move(options));
  RouteOptions admin;
  admin.route_class = RouteClass::kAdmin;
  test.server->get("/-/healthy", echo, admin);
  test.server->get("/main", echo);
  const auto port = test.start();
  const auto address = test.server->addresses().at(1);
  const auto admin_port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  REQUIRE(RawClient::fetch(admin_port, "GET /-/healthy").status == 200);
  REQUIRE(RawClient::fetch(admin_port, "GET /main").status == 404);
  REQUIRE(RawClient::fetch(port, "GET /main").status == 200);
  REQUIRE(RawClient::fetch(port, "GET /-/healthy").status == 200);
}

TEST_CASE("a browser's POST from another site is refused") {
  TestServer test;
  test.server->post("/x", echo);
  const auto port = test.start();
  REQUIRE(RawClient::fetch(port, "POST /x", "Origin: http://evil\r\n", "b").status == 403);
  REQUIRE(RawClient::fetch(port, "POST /x", "Origin: null\r\n", "b").status == 403);
  REQUIRE(RawClient::fetch(port, "POST /x", "", "b").status == 200);
  REQUIRE(test.metric("heal_http_rejected_total{reason=\"cross_origin\"}") == "2");
}

TEST_CASE("where nobody must log in, a browser's POST must have come by a name that no other site can hold") {
  ServerOptions options;
  options.listen = {"localhost:0"};
  TestServer test(std::move(options));
  test.server->post("/x", echo);
  test.server->get("/x", echo);
  const auto port = test.start();
  const auto status = [&](const std::string& method, const std::string& host, const std::string& headers) {
    RawClient client(port);
    client.send(method + " /x HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nContent-Length: 0\r\n" + headers +
                "\r\n");
    return client.read_reply().status;
  };
  for (const auto* host : {"localhost", "LOCALHOST:9095", "127.0.0.1:9095", "[::1]:9095", "192.0.2.7"})
    CHECK(status("POST", host, std::string("Origin: http://") + host + "\r\n") == 200);
  for (const auto* host : {"rebound.example", "rebound.example:9095", "127.0.0.1.rebound.example", "localhost.example"})
    CHECK(status("POST", host, std::string("Origin: http://") + host + "\r\n") == 403);
  CHECK(status("POST", "rebound.example", "") == 200);  // no browser
  CHECK(status("GET", "rebound.example", "Origin: http://rebound.example\r\n") == 200);
}

TEST_CASE("stop lets what is in flight end and announces the end of the connection") {
  TestServer test;
  Event entered, release;
  test.server->get("/slow", [&](const HttpRequest&) {
    entered.set();
    release.wait();
    return HttpResponse::text(200, "finished");
  });
  const auto port = test.start();
  RawClient idle(port), busy(port);
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  std::jthread stopper([&] { test.server->stop(20s); });
  REQUIRE(idle.read_to_end().empty());  // the stop has begun
  release.set();
  const auto reply = busy.read_reply();
  REQUIRE(reply.body == "finished");
  REQUIRE(reply.header("Connection") == "close");
  stopper.join();
  test.server->stop();
}

TEST_CASE("stop closes what does not end in time") {
  TestServer test;
  Event entered;
  Responder never;
  test.server->handle_deferred("GET", "/x", [&](const HttpRequest&, Responder responder) {
    never = std::move(responder);
    entered.set();
  });
  RawClient client(test.start());
  client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  entered.wait();
  test.server->stop(1ms);
  REQUIRE(client.read_to_end().empty());
}

}  // namespace
}  // namespace heal::httpd
