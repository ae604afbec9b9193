#include <catch2/catch.hpp>

#include "common/probe/grpc_message.h"
#include "tests/support/dns_bytes.h"
#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

using test::from_hex;

const SocketAddress kGrpcServer{*IpAddress::parse("192.0.2.1"), 50051};
constexpr const char* kTarget = "192.0.2.1:50051";

Module grpc_module() {
  Module module;
  module.prober = "grpc";
  module.grpc.ip = {AddressFamily::kV4, true};
  return module;
}

/// An answer over HTTP/2 with this body, and a status behind it.
SimHttpAnswer answer(const std::string& body, const std::string& status = "0") {
  return {
      0s, {200, "HTTP/2.0", {{"Content-Type", "application/grpc"}}, std::nullopt}, body, {}, {{"grpc-status", status}}};
}

TEST_CASE("a health request is a framed message with the service's name") {
  CHECK(grpc_health_request("") == from_hex("00 00000000"));
  CHECK(grpc_health_request("a.b") == from_hex("00 00000005 0a 03 612e62"));
  const std::string longer = grpc_health_request(std::string(300, 'x'));
  CHECK(longer.substr(0, 8) == from_hex("00 0000012f 0a ac02"));
}

TEST_CASE("an answer's status is found among fields that nobody knows") {
  CHECK(*parse_grpc_health_response(from_hex("00 00000000")) == ServingStatus::kUnknown);
  CHECK(*parse_grpc_health_response(from_hex("00 00000002 0801")) == ServingStatus::kServing);
  CHECK(*parse_grpc_health_response(from_hex("00 00000010 1203616263 1900000000000000000802")) ==
        ServingStatus::kNotServing);
}

TEST_CASE("an answer that is none is refused with the reason") {
  const auto [bytes, why] = GENERATE(table<std::string, std::string>({
      {"", "it is cut short"},
      {"00 000000", "it is cut short"},
      {"01 00000002 0801", "it is compressed, which was not asked for"},
      {"00 00000003 0801", "its length is another than it says"},
      {"00 ffffffff 0801", "its length is another than it says"},
      {"00 00000001 08", "its status is no number"},
      {"00 00000002 0804", "its status is not known"},
      {"00 0000000b 08ffffffffffffffffffff", "its status is no number"},
      {"00 00000002 12ff", "a field is cut short"},
      {"00 00000006 12ffffffff0f", "a field is cut short"},
      {"00 00000001 0b", "a field is cut short"},
      {"00 00000001 ff", "a field has no number"},
  }));
  CAPTURE(bytes);
  CHECK(parse_grpc_health_response(from_hex(bytes)).error().message() == "the health answer cannot be read: " + why);
}

TEST_CASE("a call goes out as gRPC wants it") {
  RunBench bench;
  HttpHop seen;
  bench.io.serve(kGrpcServer, [&](const HttpHop& hop) {
    seen = hop;
    return answer(from_hex("00 00000002 0801"));
  });
  Module module = grpc_module();
  module.grpc.metadata = {{"x-team", "one"}, {"k-bin", "\x01\x02"}};
  bench.run(module, kTarget);
  CHECK(bench.verdict() == "ok");
  CHECK(seen.method == "POST");
  CHECK(seen.url == "http://192.0.2.1:50051/grpc.health.v1.Health/Check");
  CHECK(seen.versions == HttpHop::Versions::kHttp2);
  const auto has = [&](const std::string& name, const std::string& value) {
    return std::find(seen.headers.begin(), seen.headers.end(), std::pair(name, value)) != seen.headers.end();
  };
  CHECK(has("Content-Type", "application/grpc"));
  CHECK(has("TE", "trailers"));
  CHECK(has("x-team", "one"));
  CHECK(has("k-bin", "AQI="));
  module.grpc.tls = true;
  module.grpc.tls_config.server_name = "inner.example";
  bench.run(module, "https://192.0.2.1:50051/ignored");
  CHECK(seen.url == "https://inner.example:50051/grpc.health.v1.Health/Check");
  CHECK(seen.connect_to == kGrpcServer);
}

struct GrpcCase {
  std::string name;
  SimHttpAnswer answer;
  std::string verdict;
  double code;
  std::string serving;
};

TEST_CASE("what the server says becomes a code and a serving status") {
  SimHttpAnswer old = answer(from_hex("00 00000002 0801"));
  old.head.protocol = "HTTP/1.1";
  SimHttpAnswer in_head = answer("");
  in_head.trailers.clear();
  in_head.head.headers = {{"grpc-status", "12"}, {"grpc-message", "no%20such%20thing"}};
  SimHttpAnswer proxy = answer("sorry");
  proxy.trailers.clear();
  proxy.head.status = 503;
  SimHttpAnswer reset = answer("");
  reset.failure = ProbeFailure{ProbePhase::kResponse, ProbeReason::kReset, "reset"};
  const auto c = GENERATE_COPY(values<GrpcCase>({
      {"serving", answer(from_hex("00 00000002 0801")), "ok", 0, "SERVING"},
      {"not serving", answer(from_hex("00 00000002 0802")), "status/unexpected_status: the service is NOT_SERVING", 0,
       "NOT_SERVING"},
      {"no such service", answer("", "5"), "status/unexpected_status: gRPC status 5 (NOT_FOUND): ", 5, ""},
      {"status that is no number", answer("", "x"), "status/unexpected_status: gRPC status 2 (UNKNOWN): ", 2, ""},
      {"status in the head", in_head, "status/unexpected_status: gRPC status 12 (UNIMPLEMENTED): no such thing", 12,
       ""},
      {"a proxy's answer", proxy, "status/unexpected_status: the answer has HTTP status 503 and no grpc-status", 14,
       ""},
      {"HTTP/1.1", old, "status/unexpected_version: the server speaks HTTP/1.1, gRPC needs HTTP/2", 14, ""},
      {"a body that is none", answer("junk!"),
       "body/protocol: the health answer cannot be read: it is compressed, which was not asked for", 13, ""},
      {"a body without end", answer(std::string(70'000, '\0')), "body/too_large: the answer is over 64 KiB", 13, ""},
      {"a reset", reset, "response/reset: reset", 14, ""},
  }));
  CAPTURE(c.name);
  RunBench bench;
  bench.io.serve(kGrpcServer, [&](const HttpHop&) { return c.answer; });
  bench.run(grpc_module(), kTarget);
  CHECK(bench.verdict() == c.verdict);
  CHECK(bench.value("probe_grpc_status_code") == c.code);
  for (const char* status : {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}) {
    CHECK(bench.value("probe_grpc_healthcheck_response", {{"serving_status", status}}) ==
          (c.serving == status ? 1 : 0));
  }
  CHECK(bench.value("probe_grpc_ssl") == 0);
  CHECK(bench.value("probe_ssl_earliest_cert_expiry") == 0);
}

TEST_CASE("a server that does not answer ends at the deadline; before the call there is no check phase") {
  RunBench bench;
  bench.io.serve(kGrpcServer, [](const HttpHop&) {
    SimHttpAnswer late = answer(from_hex("00 00000002 0801"));
    late.delay = 1h;
    return late;
  });
  bench.run(grpc_module(), kTarget, 2s);
  CHECK(bench.verdict() == "response/timeout: the deadline passed");
  CHECK(bench.value("probe_grpc_status_code") == 4);
  CHECK(bench.value("probe_grpc_duration_seconds", {{"phase", "check"}}) == 2);
  bench.run(grpc_module(), "nowhere:1");
  CHECK(bench.verdict() == "resolve/not_found: lookup of \"nowhere\": no such host");
  CHECK_FALSE(bench.value("probe_grpc_duration_seconds", {{"phase", "check"}}));
  CHECK_FALSE(bench.value("probe_grpc_healthcheck_response", {{"serving_status", "SERVING"}}));
  bench.run(grpc_module(), "a b:1");
  CHECK(bench.result.reason == "invalid_target");
}

}  // namespace
}  // namespace heal::probe
