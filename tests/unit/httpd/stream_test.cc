
#include <catch2/catch.hpp>

#include "tests/unit/httpd/raw_client.h"
#include "tests/unit/httpd/test_server.h"

namespace heal::httpd {
namespace {

using test::Event;
using test::RawClient;
using test::TestServer;

// A server whose `/events` hands its stream to the test.
struct StreamServer {
  explicit StreamServer(ServerOptions options = {}) : test(std::move(options)) {
    test.server->handle_deferred("GET", "/events", [this](const HttpRequest&, Responder responder) {
      writer = responder.open_stream();
      opened.set();
    });
    port = test.start();
  }

  StreamWriter writer;
  Event opened;
  TestServer test;
  std::uint16_t port = 0;
};

TEST_CASE("events are sent as they happen, framed for who reads them") {
  StreamServer server;
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  REQUIRE(client.read_until("\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: "
          "chunked\r\nConnection: close\r\n\r\n");
  REQUIRE(server.writer.event("incident", "{\"a\":1}", "7"));
  REQUIRE(client.read_until("\n\n\r\n") == "25\r\nid: 7\nevent: incident\ndata: {\"a\":1}\n\n\r\n");
  REQUIRE(server.writer.event("", "two\rlines\nthree"));
  REQUIRE(client.read_until("\n\n\r\n") == "23\r\ndata: two\ndata: lines\ndata: three\n\n\r\n");
  server.writer.close();
  REQUIRE(client.read_to_end() == "0\r\n\r\n");
  REQUIRE_FALSE(server.writer.write("x"));
}

TEST_CASE("an HTTP/1.0 client gets the stream without chunks") {
  StreamServer server;
  RawClient client(server.port);
  client.send("GET /events HTTP/1.0\r\n\r\n");
  server.opened.wait();
  server.writer.write("data");
  server.writer = {};
  client.read_until("\r\n\r\n");
  REQUIRE(client.read_to_end() == "data");
}

TEST_CASE("a stream ends when its last writer is gone") {
  StreamServer server;
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  {
    auto copy = server.writer;
    server.writer = {};
    REQUIRE(copy.write("x"));
  }
  client.read_until("\r\n\r\n");
  REQUIRE(client.read_to_end() == "1\r\nx\r\n0\r\n\r\n");
}

TEST_CASE("the writer learns that the reader is gone") {
  StreamServer server;
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  Event gone;
  const std::stop_callback callback(server.writer.gone(), [&] { gone.set(); });
  client.close();
  gone.wait();
  REQUIRE_FALSE(server.writer.is_open());
  REQUIRE_FALSE(server.writer.write("x"));
}

TEST_CASE("a reader that is too slow is cut off") {
  ServerOptions options;
  options.limits.stream_buffer_bytes = 64 * 1024;
  StreamServer server(std::move(options));
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  const std::string piece(8 * 1024, 'a');
  std::size_t pieces = 0;
  while (server.writer.write(piece))
    REQUIRE(++pieces < 100'000);
  REQUIRE_FALSE(server.writer.is_open());
  client.read_to_end();
  server.test.server->stop();
  REQUIRE(server.test.metric("heal_http_rejected_total{reason=\"slow_reader\"}") == "1");
}

TEST_CASE("a fast reader may take more than the buffer holds") {
  ServerOptions options;
  options.limits.stream_buffer_bytes = 64 * 1024;
  StreamServer server(std::move(options));
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  client.read_until("\r\n\r\n");
  for (int i = 0; i < 100; ++i) {
    REQUIRE(server.writer.write(std::string(4096, 'a') + "!"));
    client.read_until("!\r\n");
  }
  REQUIRE(server.writer.is_open());
}

TEST_CASE("a silent event stream is kept alive by comments") {
  ServerOptions options;
  options.limits.stream_heartbeat = 20ms;
  StreamServer server(std::move(options));
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  client.read_until("\r\n\r\n");
  REQUIRE(client.read_until("\n\n\r\n") == "3\r\n:\n\n\r\n");
  REQUIRE(client.read_until("\n\n\r\n") == "3\r\n:\n\n\r\n");
}

TEST_CASE("stop ends the streams in order") {
  StreamServer server;
  RawClient client(server.port);
  client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  server.opened.wait();
  client.read_until("\r\n\r\n");
  server.test.server->stop(20s);
  REQUIRE(client.read_to_end() == "0\r\n\r\n");
  REQUIRE(server.writer.gone().stop_requested());
}

}  // namespace
}  // namespace heal::httpd
