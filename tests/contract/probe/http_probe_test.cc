#include <atomic>

#include <catch2/catch.hpp>

#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

const std::string kHttp = "{prober: http, http: {preferred_ip_protocol: ip4}}";

std::string http_with(const std::string& keys) {
  return "{prober: http, http: {preferred_ip_protocol: ip4, " + keys + "}}";
}

TEST_CASE("an answer with a good status is a success with its facts") {
  LoopbackServer server(http_handler([](const std::string&) {
    return http_answer("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "hello");
  }));
  ProbeBench bench;
  const ProbeResult result = bench.run(kHttp, server.url());
  CHECK(verdict(result) == "ok");
  CHECK(value_of(result, "probe_http_status_code") == 200);
  CHECK(value_of(result, "probe_http_content_length") == 5);
  CHECK(value_of(result, "probe_http_uncompressed_body_length") == 5);
  CHECK(value_of(result, "probe_http_version") == 1.1);
  CHECK(value_of(result, "probe_http_redirects") == 0);
  CHECK(value_of(result, "probe_http_ssl") == 0);
  CHECK(value_of(result, "probe_ip_protocol") == 4);
  CHECK(value_of(result, "probe_failed_due_to_regex") == 0);
  CHECK(value_of(result, "probe_http_last_modified_timestamp_seconds") == 784111777);
  for (const char* phase : {"resolve", "connect", "tls", "processing", "transfer"}) {
    CAPTURE(phase);
    CHECK(value_of(result, "probe_http_duration_seconds", {{"phase", phase}}));
  }
}

TEST_CASE("the request carries what the module says and nothing of the library's own") {
  std::string seen;
  LoopbackServer server(http_handler([&](const std::string& head) {
    seen = head;
    return http_answer("200 OK", "", "");
  }));
  ProbeBench bench;
  const std::string keys =
      "method: PURGE, headers: {x-one: '1', Host: other.example}, basic_auth: {username: u, password: p}";
  CHECK(verdict(bench.run(http_with(keys), server.url("/a/../b?c=d\te%20f"))) == "target/invalid_target");
  CHECK(verdict(bench.run(http_with(keys), server.url("/a/../b?c=d%20f#frag"))) == "ok");
  CHECK(seen ==
        "PURGE /a/../b?c=d%20f HTTP/1.1\r\nHost: other.example\r\nX-One: 1\r\nAuthorization: Basic dTpw\r\n"
        "User-Agent: Blackbox Exporter/0.23.0 (compatible; heal-exporter/0.1.0)\r\nConnection: close\r\n\r\n");
}

TEST_CASE("redirects are followed with cookies, Referer and the changed method; the last answer counts") {
  std::string last;
  LoopbackServer server(http_handler([&](const std::string& head) {
    if (head.starts_with("POST /start")) return http_answer("302 Found", "Location: /next\r\nSet-Cookie: a=b\r\n", "x");
    last = head;
    return http_answer("200 OK", "", "done");
  }));
  ProbeBench bench;
  const ProbeResult result = bench.run(http_with("method: POST, body: data"), server.url("/start"));
  CHECK(verdict(result) == "ok");
  CHECK(value_of(result, "probe_http_redirects") == 1);
  CHECK(value_of(result, "probe_http_content_length") == 4);
  CHECK(last.starts_with("GET /next HTTP/1.1\r\n"));
  CHECK(last.find("\r\nCookie: a=b\r\n") != std::string::npos);
  CHECK(last.find("\r\nReferer: " + server.url("/start") + "\r\n") != std::string::npos);
}

TEST_CASE("an endless redirect is reported as the eleventh answer") {
  LoopbackServer server(
      http_handler([](const std::string&) { return http_answer("301 Moved", "Location: /again\r\n", ""); }));
  ProbeBench bench;
  const ProbeResult result = bench.run(kHttp, server.url());
  CHECK(verdict(result) == "status/unexpected_status");
  CHECK(value_of(result, "probe_http_redirects") == 11);
  CHECK(value_of(result, "probe_http_status_code") == 301);
}

TEST_CASE("credentials are not carried along to another host") {
  std::string seen;
  LoopbackServer other(http_handler([&](const std::string& head) {
    seen = head;
    return http_answer("200 OK", "", "");
  }));
  LoopbackServer server(http_handler([&](const std::string&) {
    return http_answer("302 Found", "Location: http://localhost:" + std::to_string(other.port()) + "/\r\n", "");
  }));
  ProbeBench bench;
  CHECK(verdict(bench.run(http_with("bearer_token: secret"), server.url())) == "ok");
  CHECK(seen.find("Authorization") == std::string::npos);
  CHECK(seen.find("Host: localhost:" + std::to_string(other.port()) + "\r\n") != std::string::npos);
}

struct HttpCase {
  std::string name, keys, answer, verdict;
};

TEST_CASE("assertions over the answer") {
  const auto c = GENERATE(values<HttpCase>({
      {"status", "valid_status_codes: [404]", http_answer("404 Not Found", "", ""), "ok"},
      {"status not listed", "valid_status_codes: [404]", http_answer("200 OK", "", ""), "status/unexpected_status"},
      {"version", "valid_http_versions: [HTTP/2.0]", http_answer("200 OK", "", ""), "status/unexpected_version"},
      {"not ssl", "fail_if_not_ssl: true", http_answer("200 OK", "", ""), "status/ssl_missing"},
      {"body matches", "fail_if_body_matches_regexp: [fatal]", http_answer("200 OK", "", "a fatal b"), "body/regexp"},
      {"body lacks", "fail_if_body_not_matches_regexp: [ok, fine]", http_answer("200 OK", "", "ok"), "body/regexp"},
      {"body fits", "fail_if_body_not_matches_regexp: [ok]", http_answer("200 OK", "", "ok"), "ok"},
      {"header", "fail_if_header_matches: [{header: x-a, regexp: bad}]", http_answer("200 OK", "X-A: bad\r\n", ""),
       "header/regexp"},
      {"header missing", "fail_if_header_matches: [{header: x-a, regexp: bad}]", http_answer("200 OK", "", ""),
       "header/regexp"},
      {"header may be missing", "fail_if_header_not_matches: [{header: x-a, regexp: bad, allow_missing: true}]",
       http_answer("200 OK", "", ""), "ok"},
      {"limit", "body_size_limit: 4B", http_answer("200 OK", "", "12345"), "body/too_large"},
      {"not gzip", "compression: gzip", http_answer("200 OK", "", "plain"), "body/compression"},
      {"unknown compression", "compression: zip", http_answer("200 OK", "", "plain"), "body/compression"},
      {"cut short", "method: GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "body/closed"},
      {"bad chunk", "method: GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "body/reset"},
      {"no location", "follow_redirects: false", http_answer("302 Found", "Location: /x\r\n", "b"),
       "status/unexpected_status"},
      {"redirect to elsewhere", "method: GET", http_answer("302 Found", "Location: gopher://x/\r\n", ""),
       "response/redirect"},
  }));
  CAPTURE(c.name);
  LoopbackServer server(http_handler([&](const std::string&) { return c.answer; }));
  ProbeBench bench;
  CHECK(verdict(bench.run(http_with(c.keys), server.url())) == c.verdict);
}

TEST_CASE("a refused connection, an unknown name and a nonsense target have their reasons") {
  std::uint16_t closed_port = 0;
  {
    closed_port = LoopbackServer([](int) {}).port();
  }
  ProbeBench bench;
  CHECK(verdict(bench.run(kHttp, "http://127.0.0.1:" + std::to_string(closed_port))) == "connect/refused");
  CHECK(verdict(bench.run(kHttp, "http://[::1")) == "target/invalid_target");
  CHECK(verdict(bench.run("{prober: http, http: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}}",
                          "http://127.0.0.1/")) == "resolve/no_address");
}

// Every probe ends by its deadline, whatever the other side does. A test that hangs is stopped by ctest.

struct Hostile {
  std::string name;
  LoopbackServer::Handler handler;
  std::string verdict;
};

void answer_for_ever(int fd, const std::string& first, const std::string& then) {
  read_head(fd);
  if (!send_all(fd, first)) return;
  while (send_all(fd, then)) {
  }
}

std::vector<Hostile> hostile_servers() {
  const std::string kLine(1000, 'x');
  return {
      {"never answers", [](int fd) { read_to_end(fd); }, "response/timeout"},
      {"hangs up", [](int fd) { read_head(fd); }, "response/closed"},
      {"speaks no HTTP", [](int fd) { read_head(fd), send_all(fd, "SSH-2.0-OpenSSH\r\n"), read_to_end(fd); },
       "response/protocol"},
      {"stalls inside the head",
       [](int fd) { read_head(fd), send_all(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\n"), read_to_end(fd); },
       "response/timeout"},
      {"stalls inside the body",
       [](int fd) {
         read_head(fd);
         send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
         read_to_end(fd);
       },
       "body/timeout"},
      {"endless headers", [kLine](int fd) { answer_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-A: " + kLine + "\r\n"); },
       "response/too_large"},
      {"endless interim answers", [](int fd) { answer_for_ever(fd, "", "HTTP/1.1 100 Continue\r\n\r\n"); },
       "response/protocol"},
      {"endless body", [kLine](int fd) { answer_for_ever(fd, "HTTP/1.1 200 OK\r\n\r\n", kLine); }, "body/timeout"},
      {"resets",
       [](int fd) {
         read_head(fd);
         const linger hard{1, 0};
         ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
       },
       "response/closed"},
  };
}

/// Time enough to get as far as the server lets us; no more than needed where only the deadline can end the probe.
Duration deadline_for(const std::string& expected) {
  return expected.ends_with("/timeout") ? 2s : 30s;
}

TEST_CASE("a hostile server cannot hold a probe beyond its deadline") {
  for (const Hostile& hostile : hostile_servers()) {
    CAPTURE(hostile.name);
    LoopbackServer server(hostile.handler);
    ProbeBench bench;
    const ProbeResult result = bench.run(kHttp, server.url(), deadline_for(hostile.verdict));
    CHECK(verdict(result) == hostile.verdict);
    CHECK(value_of(result, "probe_http_status_code"));
  }
}

TEST_CASE("a compressed body that grows without end stops at the limit") {
  // 1 MiB of zeros in raw deflate blocks would need a compressor here; stored blocks of 64 KiB will do.
  std::string block("\x00\xff\xff\x00\x00", 5);
  block += std::string(65535, 'z');
  LoopbackServer server([&](int fd) { answer_for_ever(fd, "HTTP/1.1 200 OK\r\n\r\n", block); });
  ProbeBench bench;
  const ProbeResult result = bench.run(http_with("compression: deflate, body_size_limit: 1MB"), server.url());
  CHECK(verdict(result) == "body/too_large");
  CHECK(value_of(result, "probe_http_uncompressed_body_length") == 1048576);
}

TEST_CASE("allow_targets is asked with the address that is connected to, on redirects too") {
  LoopbackServer other(http_handler([](const std::string&) { return http_answer("200 OK", "", ""); }));
  LoopbackServer server(http_handler([&](const std::string&) {
    return http_answer("302 Found", "Location: http://localhost:" + std::to_string(other.port()) + "/\r\n", "");
  }));
  ProbeBench bench;
  probe::ProbeRequest request{ProbeBench::module(kHttp), server.url(), ""};
  request.policy = std::make_shared<const probe::TargetPolicy>(*probe::TargetPolicy::create({server.address()}));
  const ProbeResult result = bench.run(request);
  CHECK(verdict(result) == "target/not_allowed");
  CHECK(value_of(result, "probe_http_redirects") == 1);
  request.policy = std::make_shared<const probe::TargetPolicy>(*probe::TargetPolicy::create({"127.0.0.0/8", "::1"}));
  CHECK(verdict(bench.run(request)) == "ok");
  request.policy = std::make_shared<const probe::TargetPolicy>(*probe::TargetPolicy::create({"10.0.0.0/8"}));
  CHECK(verdict(bench.run(request)) == "target/not_allowed");
}

TEST_CASE("an HTTP proxy is told the name of a host, but the address that was judged where not all may be probed") {
  std::string asked;
  LoopbackServer proxy(http_handler([&](const std::string& head) {
    asked = head.substr(0, head.find('\r'));
    return http_answer("200 OK", "", "");
  }));
  ProbeBench bench;
  probe::ProbeRequest request{ProbeBench::module(http_with("proxy_url: 'http://" + proxy.address() + "'")),
                              "http://localhost:81/x", ""};
  CHECK(verdict(bench.run(request)) == "ok");
  CHECK(asked == "GET http://localhost:81/x HTTP/1.1");
  request.policy = std::make_shared<const probe::TargetPolicy>(*probe::TargetPolicy::create({"127.0.0.0/8"}));
  CHECK(verdict(bench.run(request)) == "ok");
  CHECK(asked == "GET http://127.0.0.1:81/x HTTP/1.1");
  request.policy = std::make_shared<const probe::TargetPolicy>(*probe::TargetPolicy::denying({"10.0.0.0/8"}));
  CHECK(verdict(bench.run(request)) == "ok");
  CHECK(asked == "GET http://127.0.0.1:81/x HTTP/1.1");
}

TEST_CASE("https shows the connection's facts and refuses what cannot be trusted") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer server(authority.issue("good", {}), tls_http(http_answer("200 OK", "", "x")));
  ProbeBench bench;
  const std::string trust = "tls_config: {ca_file: " + authority.ca_file() + "}";
  const ProbeResult result = bench.run(http_with(trust), server.url());
  CHECK(verdict(result) == "ok");
  CHECK(value_of(result, "probe_http_ssl") == 1);
  CHECK(value_of(result, "probe_tls_version_info", {{"version", "TLS 1.3"}}) == 1);
  CHECK(verdict(bench.run(kHttp, server.url())) == "tls/certificate");
  CHECK(verdict(bench.run(http_with("tls_config: {insecure_skip_verify: true}"), server.url())) == "ok");
  CHECK(verdict(bench.run(http_with("fail_if_ssl: true, " + trust), server.url())) == "status/ssl_unwanted");
  CHECK(verdict(bench.run(http_with("tls_config: {ca_file: " + authority.ca_file() + ", server_name: other.example}"),
                          server.url())) == "tls/certificate");
  CHECK(verdict(bench.run(http_with("tls_config: {ca_file: /nonexistent}"), server.url())) == "tls/tls_config");
  CHECK(verdict(bench.run(http_with("tls_config: {max_version: TLS12, ca_file: " + authority.ca_file() + "}"),
                          server.url())) == "ok");
}

TEST_CASE("a TLS handshake that never ends, and one with no TLS at all, end the probe") {
  LoopbackServer silent([](int fd) { read_to_end(fd); });
  LoopbackServer plain([](int fd) { send_all(fd, "HTTP/1.1 200 OK\r\n\r\n"), read_to_end(fd); });
  ProbeBench bench;
  CHECK(verdict(bench.run(kHttp, "https://" + silent.address(), 2s)) == "tls/timeout");
  CHECK(verdict(bench.run(kHttp, "https://" + plain.address())) == "tls/handshake");
}

TEST_CASE("expired certificates and names that stand in the common name alone are refused") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer expired(authority.issue("expired", {"localhost", "DNS:localhost,IP:127.0.0.1", -60}), tls_http(""));
  TlsTestServer other(authority.issue("other", {"127.0.0.1", "DNS:other.example", 3600}), tls_http(""));
  ProbeBench bench;
  const std::string module = http_with("tls_config: {ca_file: " + authority.ca_file() + "}");
  CHECK(verdict(bench.run(module, expired.url())) == "tls/certificate");
  CHECK(verdict(bench.run(module, other.url())) == "tls/certificate");
}

TEST_CASE("stopping the engine ends what is in flight as cancelled") {
  std::atomic<int> connections{0};
  LoopbackServer silent([&](int fd) {
    connections.fetch_add(1);
    connections.notify_all();
    read_to_end(fd);
  });
  ProbeBench bench;
  ProbeResult result;
  bench.engine().start({ProbeBench::module(kHttp), silent.url(), ""}, bench.engine().now() + 1h,
                       [&](ProbeResult done) { result = std::move(done); });
  connections.wait(0);
  bench.engine().stop();
  CHECK(result.reason == "cancelled");
  CHECK(bench.engine().in_flight() == 0);
}

TEST_CASE("hundreds of probes at once each get their own answer") {
  LoopbackServer server(http_handler(
      [](const std::string& head) { return http_answer("200 OK", "", head.substr(5, head.find(' ', 5) - 5)); }));
  ProbeBench bench;
  const auto module = ProbeBench::module(http_with("fail_if_body_not_matches_regexp: ['^7+$']"));
  std::atomic<int> left{300}, good{0};
  for (int i = 1; i <= 300; ++i) {
    bench.engine().start(
        {module, server.url("/" + std::string(static_cast<std::size_t>(i), i % 2 == 0 ? '7' : '8')), ""},
        bench.engine().now() + 30s, [&](const ProbeResult& result) {
          if (result.success) good.fetch_add(1);
          if (left.fetch_sub(1) == 1) left.notify_all();
        });
  }
  for (int now = left.load(); now != 0; now = left.load())
    left.wait(now);
  CHECK(good == 150);
}

}  // namespace
}  // namespace heal::test
