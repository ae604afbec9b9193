#include <poll.h>

#include <catch2/catch.hpp>

#include "tests/contract/probe/probe_bench.h"
#include "tests/support/loopback_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

std::string tcp_with(const std::string& keys) {
  return "{prober: tcp, tcp: {preferred_ip_protocol: ip4, " + keys + "}}";
}

std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (::recv(fd, &c, 1, 0) == 1 && c != '\n')
    line += c;
  return line;
}

TEST_CASE("a port that accepts is a success; one that refuses is not") {
  std::string target;
  ProbeBench bench;
  {
    LoopbackServer server([](int fd) { read_to_end(fd); });
    target = server.address();
    const ProbeResult result = bench.run("{prober: tcp}", target);
    CHECK(verdict(result) == "ok");
    CHECK(value_of(result, "probe_ip_protocol") == 4);
    CHECK(value_of(result, "probe_failed_due_to_regex") == 0);
  }
  CHECK(verdict(bench.run("{prober: tcp}", target)) == "connect/refused");
  CHECK(verdict(bench.run("{prober: tcp}", "127.0.0.1")) == "target/invalid_target");
  CHECK(verdict(bench.run("{prober: tcp}", "127.0.0.1:nosuch")) == "target/invalid_target");
  CHECK(verdict(bench.run("{prober: tcp, tcp: {source_ip_address: 192.0.2.77}}", target)) == "connect/unreachable");
}

TEST_CASE("a dialogue uses captures of the line that matched") {
  std::string answer;
  LoopbackServer server([&](int fd) {
    send_all(fd, "noise\r\n220 mx.example ESMTP ready\r\n");
    answer = read_line(fd);
    send_all(fd, "250 fine\n");
    read_to_end(fd);
  });
  ProbeBench bench;
  const std::string steps =
      "query_response: [{expect: '^220 (?P<host>[^ ]+) ([A-Z]+)', send: 'EHLO ${host} $2 $$ $nothing'}, {expect: "
      "'^250'}]";
  CHECK(verdict(bench.run(tcp_with(steps), server.address())) == "ok");
  CHECK(answer == "EHLO mx.example ESMTP $ ");
}

struct TcpCase {
  std::string name, sends, verdict;
  double failed_due_to_regex;
};

TEST_CASE("what does not match fails for a reason, by the deadline at the latest") {
  const auto c = GENERATE(values<TcpCase>(
      {{"silence", "", "expect/timeout", 0},
       {"other lines", "a\nb\n", "expect/timeout", 0},
       {"too long a line", std::string(70'000, 'x'), "expect/too_large", 0},
       {"too long a line with its end", std::string(70'000, 'x') + "\nwanted\n", "expect/too_large", 0}}));
  CAPTURE(c.name);
  LoopbackServer server([&](int fd) { send_all(fd, c.sends), read_to_end(fd); });
  ProbeBench bench;
  const ProbeResult result = bench.run(tcp_with("query_response: [{expect: wanted}]"), server.address(),
                                       c.verdict.ends_with("/timeout") ? 2s : 30s);
  CHECK(verdict(result) == c.verdict);
  CHECK(value_of(result, "probe_failed_due_to_regex") == c.failed_due_to_regex);
}

TEST_CASE("the last line may lack its end; a close without a match is a regexp failure") {
  LoopbackServer server([](int fd) { send_all(fd, "first\nlast"); });
  ProbeBench bench;
  CHECK(verdict(bench.run(tcp_with("query_response: [{expect: ^last$}]"), server.address())) == "ok");
  const ProbeResult result = bench.run(tcp_with("query_response: [{expect: never}]"), server.address());
  CHECK(verdict(result) == "expect/regexp");
  CHECK(value_of(result, "probe_failed_due_to_regex") == 1);
}

TEST_CASE("tls is spoken from the start or after starttls, and what came in clear is forgotten") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("good", {});
  const std::shared_ptr<SSL_CTX> context(TlsTestServer::make_context(base), SSL_CTX_free);
  LoopbackServer server([&](int fd) {
    send_all(fd, "ready\r\n");
    read_line(fd);
    // The second line is an answer smuggled in before the handshake.
    send_all(fd, "go ahead\r\nsecret\r\n");
    SSL* ssl = SSL_new(context.get());
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) SSL_write(ssl, "true answer\r\n", 13), SSL_shutdown(ssl);
    SSL_free(ssl);
    read_to_end(fd);
  });
  ProbeBench bench;
  const std::string trust = "tls_config: {ca_file: " + authority.ca_file() + "}";
  const std::string upgrade = "[{expect: ready, send: STARTTLS}, {expect: go ahead, starttls: true}, {expect: ";
  const ProbeResult good =
      bench.run(tcp_with(trust + ", query_response: " + upgrade + "true answer}]"), server.address());
  CHECK(verdict(good) == "ok");
  CHECK(value_of(good, "probe_tls_version_info", {{"version", "TLS 1.3"}}) == 1);
  CHECK(verdict(bench.run(tcp_with("query_response: " + upgrade + "true}]"), server.address())) == "tls/certificate");

  TlsTestServer direct(base, [](SSL* ssl) { SSL_write(ssl, "hello\n", 6), SSL_shutdown(ssl); });
  const std::string hello = "tls: true, query_response: [{expect: hello}], ";
  CHECK(verdict(bench.run(tcp_with(hello + trust), direct.server().address())) == "ok");
}

TEST_CASE("text smuggled in before starttls does not count as an answer") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::shared_ptr<SSL_CTX> context(TlsTestServer::make_context(authority.issue("good", {})), SSL_CTX_free);
  LoopbackServer server([&](int fd) {
    send_all(fd, "ready\r\nwelcome\r\n");
    read_line(fd);
    SSL* ssl = SSL_new(context.get());
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) SSL_shutdown(ssl);
    SSL_free(ssl);
  });
  ProbeBench bench;
  const std::string steps =
      "tls_config: {insecure_skip_verify: true}, query_response: [{expect: ready, send: x, starttls: true}, {expect: "
      "welcome}]";
  CHECK(verdict(bench.run(tcp_with(steps), server.address())) == "expect/regexp");
}

TEST_CASE("a peer that reads nothing cannot hold the sender beyond the deadline") {
  LoopbackServer server([](int fd) {
    char c = 0;
    ::recv(fd, &c, 1, 0);
    pollfd hang_up{fd, POLLRDHUP, 0};
    ::poll(&hang_up, 1, -1);
  });
  ProbeBench bench;
  probe::Module module = *ProbeBench::module("{prober: tcp}");
  // More than the socket buffers of both sides can take.
  module.tcp.query_response.emplace_back().send = std::string(64 << 20, 'x');
  const auto shared = std::make_shared<const probe::Module>(std::move(module));
  CHECK(verdict(bench.run({shared, server.address(), ""}, 2s)) == "send/timeout");
}

}  // namespace
}  // namespace heal::test
