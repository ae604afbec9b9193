// Health checks of a real gRPC server (Debian's python3-grpcio), and of servers that are none.
#include <catch2/catch.hpp>

#include "tests/contract/exporter/programs.h"
#include "tests/contract/probe/probe_bench.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

std::string grpc_with(const std::string& keys) {
  return "{prober: grpc, grpc: {preferred_ip_protocol: ip4, " + keys + "}}";
}

/// The code, and the serving status that is 1 ("" for none).
std::string answer_of(const ProbeResult& result) {
  std::string out = fmt::format("{}", value_of(result, "probe_grpc_status_code").value_or(-1));
  for (const char* status : {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}) {
    if (value_of(result, "probe_grpc_healthcheck_response", {{"serving_status", status}}) == 1) {
      out.append(" ").append(status);
    }
  }
  return out;
}

TEST_CASE("a gRPC server tells the health of its services") {
  const GrpcServer server({});
  ProbeBench bench;
  const auto [keys, expected, answer] = GENERATE(table<std::string, std::string, std::string>({
      {"service: ''", "ok", "0 SERVING"},
      {"service: up", "ok", "0 SERVING"},
      {"service: down", "status/unexpected_status", "0 NOT_SERVING"},
      {"service: new", "status/unexpected_status", "0 UNKNOWN"},
      {"service: lost", "status/unexpected_status", "0 SERVICE_UNKNOWN"},
      {"service: gone", "status/unexpected_status", "5"},
      {"service: whoami, metadata: {X-Service: [down]}", "status/unexpected_status", "0 NOT_SERVING"},
  }));
  CAPTURE(keys);
  const ProbeResult result = bench.run(grpc_with(keys), server.address());
  CHECK(verdict(result) == expected);
  CHECK(answer_of(result) == answer);
}

TEST_CASE("over TLS the certificate is verified and shown") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("grpc", {});
  const GrpcServer server({base + ".pem", base + ".key"});
  ProbeBench bench;
  const std::string trust = "tls: true, tls_config: {ca_file: " + authority.ca_file() + "}";
  const ProbeResult good = bench.run(grpc_with(trust), server.address());
  CHECK(verdict(good) == "ok");
  CHECK(value_of(good, "probe_grpc_ssl") == 1);
  CHECK(*value_of(good, "probe_ssl_earliest_cert_expiry") > 0);
  const ProbeResult untrusted = bench.run(grpc_with("tls: true"), server.address());
  CHECK(verdict(untrusted) == "tls/certificate");
  CHECK(answer_of(untrusted) == "14");
  CHECK(answer_of(bench.run(grpc_with("tls: false"), server.address())) == "14");
  CHECK(verdict(bench.run(grpc_with("tls: true, tls_config: {ca_file: /nonexistent}"), server.address())) ==
        "tls/tls_config");
}

TEST_CASE("what speaks no gRPC is unavailable, and what says nothing ends at the deadline") {
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", "hello"); }));
  LoopbackServer silent([](int fd) { read_to_end(fd); });
  LoopbackServer banner([](int fd) { send_all(fd, "SSH-2.0-x\r\n"), read_to_end(fd); });
  const std::string closed = LoopbackServer([](int) {}).address();
  ProbeBench bench;
  for (const LoopbackServer* server : {&web, &banner}) {
    const ProbeResult result = bench.run(grpc_with("service: ''"), server->address());
    CHECK_FALSE(result.success);
    CHECK(result.phase == "response");
    CHECK(answer_of(result) == "14");
  }
  CHECK(verdict(bench.run(grpc_with("service: ''"), closed)) == "connect/refused");
  const ProbeResult late = bench.run(grpc_with("service: ''"), silent.address(), 1500ms);
  CHECK(verdict(late) == "response/timeout");
  CHECK(answer_of(late) == "4");
}

}  // namespace
}  // namespace heal::test
