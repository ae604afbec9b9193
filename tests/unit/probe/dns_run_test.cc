#include <catch2/catch.hpp>

#include "tests/support/dns_bytes.h"
#include "tests/unit/probe/run_bench.h"

namespace heal::probe {
namespace {

using test::dns_answer;
using test::dns_record;
using test::DnsSections;
using test::from_hex;

const SocketAddress kDnsServer{*IpAddress::parse("192.0.2.53"), 53};

Module dns_module() {
  Module module;
  module.prober = "dns";
  module.dns.query_name = "example.org";
  return module;
}

/// A server that answers every query with these sections.
SimProbeIo::DatagramServer always(const DnsSections& sections) {
  return [sections](const std::string& query) { return std::vector<std::string>{dns_answer(query, sections)}; };
}

LateRegex regex(const std::string& text) {
  const Result<Regex> compiled = Regex::compile(text);
  return {text, compiled.has_value() ? std::optional(*compiled) : std::nullopt};
}

TEST_CASE("a query is answered: counts, success, and the whole host as target") {
  RunBench bench;
  bench.io.serve_datagrams(kDnsServer,
                           always({0, 2, 0, 1,
                                   dns_record("a", 1, from_hex("c0000201")) + dns_record("a", 1, from_hex("c0000202")) +
                                       dns_record("b", 16, from_hex("01 78"))}));
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict() == "ok");
  CHECK(bench.value("probe_dns_answer_rrs") == 2);
  CHECK(bench.value("probe_dns_authority_rrs") == 0);
  CHECK(bench.value("probe_dns_additional_rrs") == 1);
  CHECK(bench.value("probe_dns_query_succeeded") == 1);
  CHECK_FALSE(bench.value("probe_dns_serial"));
}

TEST_CASE("only SOA questions have a serial") {
  RunBench bench;
  const std::string soa(dns_record("z", 6, from_hex("00 00 ffffffff 00000001 00000001 00000001 00000001")));
  bench.io.serve_datagrams(kDnsServer, always({0, 1, 0, 0, soa}));
  Module module = dns_module();
  module.dns.query_type = "SOA";
  bench.run(module, "192.0.2.53:53");
  CHECK(bench.value("probe_dns_serial") == 4294967295.0);
}

TEST_CASE("datagrams with another id are not the answer; one that cannot be read is") {
  RunBench bench;
  bench.io.serve_datagrams(kDnsServer, [](const std::string& query) {
    std::string other = query;
    other[0] = '\x7f';
    return std::vector<std::string>{dns_answer(other, {3}), other.substr(0, 20), dns_answer(query, {})};
  });
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict() == "ok");
  bench.io.serve_datagrams(kDnsServer, [](const std::string& query) {
    return std::vector<std::string>{dns_answer(query, {0, 1, 0, 0, "\xc0"}), dns_answer(query, {})};
  });
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict() == "response/protocol: the answer cannot be read: the record at byte 29 cannot be read");
  CHECK(bench.value("probe_dns_query_succeeded") == 0);
  bench.io.serve_datagrams(kDnsServer, [](const std::string&) { return std::vector<std::string>{""}; });
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict() == "response/protocol: the answer cannot be read: 0 bytes are less than the 12 of a header");
}

TEST_CASE("silence ends at the deadline, a refusal at once") {
  RunBench bench;
  bench.io.serve_datagrams(kDnsServer, [](const std::string&) { return std::vector<std::string>{}; });
  bench.run(dns_module(), "192.0.2.53", std::chrono::seconds(2));
  CHECK(bench.verdict() == "response/timeout: the deadline passed");
  CHECK(bench.value("probe_dns_duration_seconds", {{"phase", "request"}}) == 2);
  CHECK(bench.value("probe_dns_duration_seconds", {{"phase", "connect"}}) == 0);
  bench.run(dns_module(), "192.0.2.54");
  CHECK(bench.verdict() == "response/refused: read: connection refused");
}

TEST_CASE("a datagram over 512 bytes is cut, which its records do not survive") {
  RunBench bench;
  std::string records;
  for (int i = 0; i < 30; ++i)
    records += dns_record("long-enough-a-name", 1, from_hex("c0000201"));
  bench.io.serve_datagrams(kDnsServer, always({0, 30, 0, 0, records}));
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict().starts_with("response/protocol: the answer cannot be read: the record at byte"));
}

TEST_CASE("the response code must be among the valid ones") {
  const auto [valid, rcode, verdict] = GENERATE(table<std::optional<std::vector<std::string>>, unsigned, std::string>({
      {std::nullopt, 0, "ok"},
      {std::nullopt, 3, "status/unexpected_status: response code NXDOMAIN, expected NOERROR"},
      {std::vector<std::string>{"NXDOMAIN", "REFUSED"}, 5, "ok"},
      {std::vector<std::string>{"NXDOMAIN"}, 11, "status/unexpected_status: response code 11, expected NXDOMAIN"},
      {std::vector<std::string>{}, 0, "status/unexpected_status: response code NOERROR, expected "},
      {std::vector<std::string>{"NOERROR", "nope"}, 0,
       "status/unexpected_status: \"nope\" in valid_rcodes is not a response code"},
  }));
  RunBench bench;
  bench.io.serve_datagrams(kDnsServer, always({rcode}));
  Module module = dns_module();
  module.dns.valid_rcodes = valid;
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == verdict);
  CHECK(bench.value("probe_dns_query_succeeded") == 1);
}

struct DnsCase {
  std::string name;
  DnsValidation validation;
  unsigned records;
  std::string verdict;
};

TEST_CASE("records are validated as blackbox_exporter does it") {
  const std::string first = "\"a.\\t300\\tIN\\tA\\t192.0.2.1\"";
  const auto c = GENERATE_COPY(values<DnsCase>({
      {"some matches", {{regex("nothing"), regex("192\\.0")}, {}, {}, {}}, 2, "answer: " + first + " matches 192\\.0"},
      {"none matches", {{regex("nothing")}, {}, {}, {}}, 2, "ok"},
      {"no record to match", {{regex(".")}, {}, {}, {}}, 0, "ok"},
      {"all match", {{}, {regex("^a\\.\t300\tIN\tA\t192"), regex("A")}, {}, {}}, 2, "ok"},
      {"not all match", {{}, {regex("\\.1$")}, {}, {}}, 2, "answer: not every record matches fail_if_all_match_regexp"},
      {"all of none", {{}, {regex("x")}, {}, {}}, 0, "ok"},
      {"one does not match", {{}, {}, {regex("\\.2$")}, {}}, 2, "answer: " + first + " does not match \\.2$"},
      {"each matches", {{}, {}, {regex("IN\tA")}, {}}, 2, "ok"},
      {"nothing there to match", {{}, {}, {regex(".*")}, {}}, 0, "answer: there is no record to match"},
      {"one of them matches", {{}, {}, {}, {regex("x"), regex("\\.2$")}}, 2, "ok"},
      {"none of them matches", {{}, {}, {}, {regex("x")}}, 2, "answer: no record matches fail_if_none_matches_regexp"},
      {"nothing there at all", {{}, {}, {}, {regex(".*")}}, 0, "answer: there is no record to match"},
      {"a broken expression", {{regex("(")}, {}, {}, {}}, 1, "answer: ( is not a regular expression"},
      {"a broken expression that nothing needs", {{regex("(")}, {}, {}, {}}, 0, "ok"},
  }));
  CAPTURE(c.name);
  RunBench bench;
  std::string records;
  for (unsigned i = 1; i <= c.records; ++i)
    records += dns_record("a", 1, from_hex("c000020" + std::to_string(i)));
  bench.io.serve_datagrams(kDnsServer, always({0, c.records, 0, 0, records}));
  Module module = dns_module();
  module.dns.answer = c.validation;
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == (c.verdict == "ok" ? "ok" : "body/regexp: " + c.verdict));
}

TEST_CASE("authority and additional records have tests of their own") {
  RunBench bench;
  bench.io.serve_datagrams(
      kDnsServer,
      always({0, 0, 1, 1, dns_record("a", 2, from_hex("01 6e 00")) + dns_record("b", 1, from_hex("c0000201"))}));
  Module module = dns_module();
  module.dns.authority.fail_if_not_matches = {regex("NS\tn\\.$")};
  module.dns.additional.fail_if_matches = {regex("^b\\.")};
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == "body/regexp: additional: \"b.\\t300\\tIN\\tA\\t192.0.2.1\" matches ^b\\.");
}

TEST_CASE("what cannot be honoured fails the probe where blackbox_exporter fails it") {
  RunBench bench;
  Module module = dns_module();
  module.dns.transport_protocol = "sctp";
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == "target/other: transport_protocol \"sctp\" is neither udp nor tcp");
  CHECK_FALSE(bench.value("probe_ip_protocol"));
  module = dns_module();
  module.dns.dns_over_tls = true;
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == "target/other: dns_over_tls needs transport_protocol tcp");
  CHECK(bench.value("probe_ip_protocol") == 4);
  module = dns_module();
  module.dns.source_ip_address = "nonsense";
  bench.run(module, "192.0.2.53");
  CHECK(bench.verdict() == "connect/other: source_ip_address \"nonsense\" is not an address");
  bench.policy = std::make_shared<const TargetPolicy>(*TargetPolicy::create({"192.0.2.53:5353"}));
  bench.run(dns_module(), "192.0.2.53");
  CHECK(bench.verdict() == "target/not_allowed: allow_targets does not hold 192.0.2.53 at 192.0.2.53:53");
}

}  // namespace
}  // namespace heal::probe
