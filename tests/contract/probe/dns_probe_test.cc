#include <catch2/catch.hpp>

#include "tests/contract/probe/probe_bench.h"
#include "tests/support/dns_server.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

std::string dns_with(const std::string& name, const std::string& keys = "") {
  return "{prober: dns, dns: {preferred_ip_protocol: ip4, query_name: " + name + ".test, " + keys + "}}";
}

struct DnsCase {
  std::string name, verdict;
  double answers;
};

TEST_CASE("a name server's answers over UDP and TCP, the odd ones too") {
  LoopbackDatagrams udp(dns_replies);
  LoopbackServer tcp(dns_stream_handler());
  ProbeBench bench;
  const auto c = GENERATE(values<DnsCase>({
      {"plain", "ok", 1},
      {"two", "ok", 2},
      {"nx", "status/unexpected_status", 0},
      {"truncated", "ok", 1},
      {"counts", "ok", 1},
      {"trailing", "ok", 1},
      {"question", "ok", 1},
      {"reflected", "ok", 0},
      {"header", "status/unexpected_status", 0},
      {"opt", "status/unexpected_status", 0},
      {"cut", "response/protocol", 0},
      {"short", "response/protocol", 0},
      {"loop", "response/protocol", 0},
  }));
  CAPTURE(c.name);
  const ProbeResult over_udp = bench.run(dns_with(c.name), udp.address());
  CHECK(verdict(over_udp) == c.verdict);
  CHECK(value_of(over_udp, "probe_dns_answer_rrs") == c.answers);
  const ProbeResult over_tcp = bench.run(dns_with(c.name, "transport_protocol: tcp"), tcp.address());
  CHECK(verdict(over_tcp) == c.verdict);
  CHECK(value_of(over_tcp, "probe_dns_answer_rrs") == c.answers);
}

TEST_CASE("what differs between a datagram and a stream") {
  LoopbackDatagrams udp(dns_replies);
  LoopbackServer tcp(dns_stream_handler());
  ProbeBench bench;
  const std::string over_tcp = "transport_protocol: tcp";
  CHECK(verdict(bench.run(dns_with("big"), udp.address())) == "response/protocol");
  CHECK(verdict(bench.run(dns_with("big", over_tcp), tcp.address())) == "ok");
  // A datagram may be a late answer to somebody else's query; in a stream of our own it cannot be.
  CHECK(verdict(bench.run(dns_with("other"), udp.address())) == "ok");
  CHECK(verdict(bench.run(dns_with("other", over_tcp), tcp.address())) == "response/protocol");
  CHECK(verdict(bench.run(dns_with("silent"), udp.address(), 1500ms)) == "response/timeout");
  CHECK(verdict(bench.run(dns_with("silent", over_tcp), tcp.address(), 1500ms)) == "response/timeout");
  CHECK(verdict(bench.run(dns_with("garbage", over_tcp), tcp.address())) == "response/protocol");
}

TEST_CASE("where nobody listens the probe ends at once") {
  std::string udp, tcp;
  udp = LoopbackDatagrams([](const std::string&) { return std::vector<std::string>(); }).address();
  tcp = LoopbackServer([](int) {}).address();
  ProbeBench bench;
  CHECK(verdict(bench.run(dns_with("a"), udp)) == "response/refused");
  CHECK(verdict(bench.run(dns_with("a", "transport_protocol: tcp"), tcp)) == "connect/refused");
  CHECK(verdict(bench.run(dns_with("a"), "127.0.0.1:99999")) == "target/invalid_target");
  CHECK(verdict(bench.run(dns_with("a", "source_ip_address: 192.0.2.77"), udp)) == "connect/unreachable");
}

TEST_CASE("a server that closes in the middle of an answer") {
  LoopbackServer server([](int fd) {
    char buffer[512];
    ::recv(fd, buffer, sizeof buffer, 0);
    send_all(fd, "\x01\xff half");
  });
  ProbeBench bench;
  CHECK(verdict(bench.run(dns_with("a", "transport_protocol: tcp"), server.address())) == "response/closed");
}

TEST_CASE("DNS over TLS, verified by the target's name") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  TlsTestServer server(authority.issue("dns", {}), [](SSL* ssl) {
    char buffer[512];
    const int got = SSL_read(ssl, buffer, sizeof buffer);
    if (got < 2) return;
    const std::string reply = dns_replies({buffer + 2, static_cast<std::size_t>(got) - 2}).at(0);
    const std::string bytes = dns_word(static_cast<unsigned>(reply.size())) + reply;
    SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
    SSL_shutdown(ssl);
  });
  ProbeBench bench;
  const std::string keys = "transport_protocol: tcp, dns_over_tls: true, tls_config: {ca_file: ";
  const std::string target = "localhost:" + std::to_string(server.server().port());
  const ProbeResult good = bench.run(dns_with("soa", "query_type: SOA, " + keys + authority.ca_file() + "}"), target);
  CHECK(verdict(good) == "ok");
  CHECK(value_of(good, "probe_dns_serial") == 2147483647);
  CHECK(verdict(bench.run(dns_with("a", "transport_protocol: tcp, dns_over_tls: true"), target)) == "tls/certificate");
  CHECK(verdict(bench.run(dns_with("a", keys + "/nonexistent}"), target)) == "tls/tls_config");
}

}  // namespace
}  // namespace heal::test
