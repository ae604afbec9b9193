#include <atomic>
#include <filesystem>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/contract/ports/daemon.h"
#include "tests/contract/step/real_rig.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tiny_server.h"

namespace heal::test {
namespace {

using remedy::ActionResult;
using remedy::Probed;
using Kind = ActionResult::Kind;

/// An HTTP server over TCP that keeps what it is asked, and a bench that may talk to it.
struct RequestRig : RealRig {
  explicit RequestRig(TinyServer::Handler answer)
      : RealRig("allow: {hosts: [127.0.0.1]}\n"),
        server([this, answer = std::move(answer)](const TinyRequest& request, TinyConnection& connection) {
          {
            MutexLock lock(mutex);
            requests.push_back(request);
          }
          answer(request, connection);
        }) {
    bench.world().bundle.config.file = folder.file("heal.yml");
  }

  /// `http.request` to `/x?key=s3cret`, with more arguments after a comma.
  std::string step(const std::string& more = "") const {
    return fmt::format("http.request: {{url: '{}/x?key=s3cret'{}}}", server.url(), more);
  }
  std::vector<TinyRequest> asked() {
    MutexLock lock(mutex);
    return requests;
  }

  TempFolder folder;
  Mutex mutex;
  std::vector<TinyRequest> requests HEAL_GUARDED_BY(mutex);
  TinyServer server;
};

TinyServer::Handler status_server(int status, const std::string& body = "{}") {
  return [=](const TinyRequest&, TinyConnection& connection) { connection.answer(status, body); };
}

TEST_CASE("a request arrives as the playbook says it, with its secret from a file as it is now") {
  RequestRig rig(status_server(200, "done\xff"));
  rig.folder.write("token", "Bearer t0ken\n");
  rig.bench.set_labels({{"x", "a b"}});
  const std::string step = rig.step(
      ", method: PUT, headers: {X-Id: 'id {{ labels.x }}'}, headers_files: {Authorization: token}, "
      "body: '{\"x\": \"{{ labels.x }}\"}'");
  const auto done = rig.bench.run(step);
  CHECK(done == ActionResult::done(fmt::format("PUT {}/x: status 200", rig.server.url()),
                                   {{"status", "200"}, {"body", "done\xef\xbf\xbd"}}));
  rig.folder.write("token", "Bearer fresh\n");
  REQUIRE(rig.bench.try_again().kind == Kind::kDone);
  const auto asked = rig.asked();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].method == "PUT");
  CHECK(asked[0].target == "/x?key=s3cret");
  CHECK(asked[0].header("x-id") == "id a b");
  CHECK(asked[0].header("authorization") == "Bearer t0ken");
  CHECK(asked[0].body == R"({"x": "a b"})");
  CHECK(asked[1].header("authorization") == "Bearer fresh");
  CHECK(rig.bench.probe().probed == Probed::kUnknown);

  std::filesystem::remove(rig.folder.file("token"));
  CHECK(rig.bench.run(step).kind == Kind::kFailed);
  rig.folder.write("token", "one\ntwo");
  CHECK(rig.bench.run(step).reason == "invalid");
  CHECK(rig.asked().size() == 2);
}

TEST_CASE("the statuses that the step expects decide, and a redirection is not followed") {
  for (const int status : {201, 302, 404, 503}) {
    CAPTURE(status);
    RequestRig rig([&](const TinyRequest&, TinyConnection& connection) {
      connection.send(fmt::format("HTTP/1.1 {} X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", status));
    });
    const auto unsaid = rig.bench.run(rig.step());
    CHECK(unsaid.kind == (status == 201 ? Kind::kDone : Kind::kFailed));
    CHECK(unsaid.reason == (status == 201 ? "done" : "unexpected_status"));
    CHECK(unsaid.outputs.at("status") == fmt::format("{}", status));
    CHECK(rig.bench.run(rig.step(", status: [302, 404, 503]")).kind == (status == 201 ? Kind::kFailed : Kind::kDone));
    CHECK(rig.asked().size() == 2);
  }
}

TEST_CASE("a gateway's error leaves open what the service did, where doing it twice would matter") {
  RequestRig rig(status_server(503));
  for (const char* method : {"POST", "PATCH"})
    CHECK(rig.bench.run(rig.step(fmt::format(", method: {}", method))).kind == Kind::kUnknown);
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"})
    CHECK(rig.bench.run(rig.step(fmt::format(", method: {}", method))).kind == Kind::kFailed);
  CHECK(rig.bench.run(rig.step(", method: POST, status: [503]")).kind == Kind::kDone);
  std::vector<std::string> methods;
  for (const auto& request : rig.asked())
    methods.push_back(request.method);
  CHECK(methods == std::vector<std::string>{"POST", "PATCH", "GET", "HEAD", "PUT", "DELETE", "POST"});
}

TEST_CASE("a connection that dies after the request was sent is an open question, and one that was never had is none") {
  RequestRig rig([](const TinyRequest&, TinyConnection& connection) { connection.close(); });
  const auto died = rig.bench.run(rig.step(", method: POST, body: x"));
  CHECK(died.kind == Kind::kUnknown);
  CHECK(died.reason == "unavailable");
  CHECK(died.message.find("s3cret") == std::string::npos);
  REQUIRE(rig.asked().size() == 1);
  CHECK(rig.asked()[0].body == "x");

  RequestRig torn([](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  CHECK(torn.bench.run(torn.step(", method: POST")).kind == Kind::kUnknown);

  const auto nobody =
      rig.bench.run(fmt::format("http.request: {{url: 'http://127.0.0.1:{}/', method: POST}}", free_port()));
  CHECK(nobody.kind == Kind::kFailed);
  CHECK(nobody.reason == "unreachable");
}

TEST_CASE("a server that says nothing is given up at the end of the step's time, as an open question") {
  RequestRig rig([](const TinyRequest&, TinyConnection& connection) { connection.wait_closed(); });
  const auto late = rig.bench.run(rig.step(", method: POST"), 300ms);
  CHECK(late.kind == Kind::kUnknown);
  CHECK(late.reason == "timeout");
}

TEST_CASE("an answer without an end is cut, and its status counts") {
  RequestRig rig([](const TinyRequest&, TinyConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\n\r\n");
    while (connection.send(std::string(64 << 10, 'x'))) {
    }
  });
  const auto done = rig.bench.run(rig.step());
  CHECK(done.kind == Kind::kDone);
  CHECK(done.outputs.at("body") == std::string(4096, 'x'));
}

TEST_CASE("a server that does not prove who it is gets no request, and hosts that are not allowed none either") {
  TempFolder folder;
  TestAuthority authority(folder.path());
  std::atomic<int> talks = 0;
  const TlsTestServer stranger(authority.issue("server", {}), [&](SSL* ssl) {
    ++talks;
    tls_http(http_answer("200 OK", "", ""))(ssl);
  });
  RequestRig rig(status_server(200));
  const auto refused = rig.bench.run(fmt::format("http.request: {{url: '{}', method: POST}}", stranger.url()));
  CHECK(refused.kind == Kind::kFailed);
  CHECK(refused.reason == "unreachable");
  CHECK(refused.message.find("not trusted") != std::string::npos);
  CHECK(talks == 0);
  CHECK(rig.bench.refusal(fmt::format("http.request: {{url: 'http://localhost:{}/'}}", rig.server.port()))
            .find("argument url") != std::string::npos);
  CHECK(rig.asked().empty());
}

}  // namespace
}  // namespace heal::test
