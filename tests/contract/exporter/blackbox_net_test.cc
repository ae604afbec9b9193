// The modules dns, icmp and grpc beside Debian's prometheus-blackbox-exporter 0.23.
#include <catch2/catch.hpp>

#include "common/wire/dns_message.h"
#include "heal_test_paths.h"
#include "tests/contract/exporter/pair.h"
#include "tests/support/dns_server.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

using Probes = std::vector<std::pair<std::string, std::string>>;

class NetPair : public ExporterPair {
 public:
  explicit NetPair(const std::string& modules) { start("modules:\n" + modules); }

  void compare(const Probes& probes) {
    for (const auto& [module, target] : probes) {
      CAPTURE(module, target);
      const Answers answers = probe(module, target);
      CHECK(answers.theirs.status == 200);
      CHECK(answers.ours.status == 200);
      CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
    }
  }
};

/// `name: {prober: dns, dns: {query_name: NAME.test, KEYS}}`
std::string dns_module(const std::string& name, const std::string& label, const std::string& keys = "") {
  const std::string ip = keys.find("preferred_ip_protocol") == std::string::npos ? "preferred_ip_protocol: ip4, " : "";
  return "  " + name + ": {prober: dns, timeout: 2s, dns: {" + ip + "query_name: " + label + ".test, " + keys + "}}\n";
}

TEST_CASE("dns probes are answered as blackbox_exporter answers them") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  LoopbackDatagrams udp(dns_replies);
  LoopbackServer tcp(dns_stream_handler());
  TlsTestServer tls(authority.issue("dns", {}), [](SSL* ssl) {
    char buffer[512];
    const int got = SSL_read(ssl, buffer, sizeof buffer);
    if (got < 2) return;
    const std::string reply = dns_replies({buffer + 2, static_cast<std::size_t>(got) - 2}).at(0);
    const std::string bytes = dns_word(static_cast<unsigned>(reply.size())) + reply;
    SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
    SSL_shutdown(ssl);
  });
  const std::string closed = "127.0.0.1:" + std::to_string(free_port());
  const std::string tls_target = "localhost:" + std::to_string(tls.server().port());
  std::string modules;
  Probes probes;
  for (const char* label : {"plain", "two", "nx", "refused", "soa", "truncated", "counts", "cut", "trailing", "garbage",
                            "short", "header", "other", "question", "reflected", "loop", "opt", "big"}) {
    modules += dns_module(std::string("udp_") + label, label);
    modules += dns_module(std::string("tcp_") + label, label, "transport_protocol: tcp");
    probes.emplace_back(std::string("udp_") + label, udp.address());
    probes.emplace_back(std::string("tcp_") + label, tcp.address());
  }
  const auto add = [&](const std::string& name, const std::string& label, const std::string& keys,
                       const std::string& target) {
    modules += dns_module(name, label, keys);
    probes.emplace_back(name, target);
  };
  add("serial", "soa", "query_type: SOA", udp.address());
  add("no_serial", "plain", "query_type: SOA", udp.address());
  add("serial_refused", "refused", "query_type: SOA", udp.address());
  add("other_words", "plain", "query_type: NSAP-PTR, query_class: CH, recursion_desired: no", udp.address());
  add("rcodes", "nx", "valid_rcodes: [NXDOMAIN, REFUSED]", udp.address());
  add("rcodes_unknown", "plain", "valid_rcodes: [NOERROR, NOPE]", udp.address());
  add("rcodes_none", "plain", "valid_rcodes: []", udp.address());
  add("rcode_typo", "plain", "valid_rcodes: [NOTIMPL, NOERROR]", udp.address());
  const std::string answer = "validate_answer_rrs: ", authority_rrs = "validate_authority_rrs: ";
  int number = 0;
  for (const char* label : {"two", "nx"}) {
    for (const char* test :
         {"{fail_if_matches_regexp: ['192.0.2.1$']}", "{fail_if_matches_regexp: [nothing]}",
          "{fail_if_all_match_regexp: ['192']}", "{fail_if_all_match_regexp: ['192.0.2.1$']}",
          "{fail_if_not_matches_regexp: ['\\t300\\tIN\\t']}", "{fail_if_not_matches_regexp: ['2.1$']}",
          "{fail_if_none_matches_regexp: ['2.1$', nothing]}", "{fail_if_none_matches_regexp: [nothing]}",
          "{fail_if_matches_regexp: ['(']}", "{fail_if_none_matches_regexp: ['(']}",
          "{fail_if_matches_regexp: [x], fail_if_all_match_regexp: [A], fail_if_not_matches_regexp: [test]}"}) {
      const std::string rcodes = "valid_rcodes: [NOERROR, NXDOMAIN], ";
      add("validate_" + std::to_string(++number), label, rcodes + answer + test, udp.address());
      add("validate_" + std::to_string(++number), label, rcodes + authority_rrs + test, udp.address());
    }
  }
  add("silent", "silent", "", udp.address());
  add("tcp_silent", "silent", "transport_protocol: tcp", tcp.address());
  add("transport", "plain", "transport_protocol: sctp", udp.address());
  add("dot_over_udp", "plain", "dns_over_tls: true", udp.address());
  add("closed", "plain", "", closed);
  add("tcp_closed", "plain", "transport_protocol: tcp", closed);
  add("no_name", "plain", "", "name.invalid:53");
  add("bad_port", "plain", "", "127.0.0.1:99999");
  add("v6_only", "plain", "preferred_ip_protocol: ip6, ip_protocol_fallback: false", udp.address());
  add("source", "plain", "source_ip_address: 127.0.0.1", udp.address());
  add("source_bad", "plain", "source_ip_address: nonsense", udp.address());
  add("source_far", "plain", "source_ip_address: 192.0.2.77", udp.address());
  add("bad_query", "a..b", "", udp.address());
  const std::string dot = "transport_protocol: tcp, dns_over_tls: true, tls_config: {ca_file: ";
  add("dot", "soa", "query_type: SOA, " + dot + authority.ca_file() + "}", tls_target);
  add("dot_untrusted", "plain", "transport_protocol: tcp, dns_over_tls: true", tls_target);
  add("dot_no_file", "plain", dot + "/nonexistent}", tls_target);
  add("dot_plain", "plain", "transport_protocol: tcp, dns_over_tls: true", tcp.address());
  NetPair(modules).compare(probes);
}

/// The text of records as blackbox_exporter shows them in its log: go-logfmt's quoting undone.
std::vector<std::string> logged_records(const std::string& log) {
  std::vector<std::string> records;
  const std::string mark = "msg=\"Validating RR\" rr=\"";
  for (std::size_t at = log.find(mark); at != std::string::npos; at = log.find(mark, at)) {
    std::string text;
    at += mark.size();
    for (; at < log.size() && log[at] != '"'; ++at) {
      if (log[at] != '\\') {
        text += log[at];
        continue;
      }
      ++at;
      const std::string_view from = "ntr", to = "\n\t\r";
      const std::size_t known = from.find(log[at]);
      text += known == std::string_view::npos ? log[at] : to[known];
    }
    records.push_back(std::move(text));
  }
  return records;
}

TEST_CASE("every type of record has the text that blackbox_exporter gives it") {
  const std::vector<std::pair<unsigned, std::string>> records{
      {1, "c0000201"},
      {1, ""},
      {2, "026e73 0474657374 00"},
      {3, "016100"},
      {4, "016100"},
      {5, "0561 2e62 2063 00"},
      {5, "04 2740 3b28 03 22295c 02 ff07 00"},
      {6, "016100 016200 ffffffff 00000001 00000002 00000003 00000004"},
      {7, "016100"},
      {8, "016100"},
      {9, "016100"},
      {12, "00"},
      {13, "03 412243 02 5c09"},
      {14, "016100 016200"},
      {15, "ffff 016100"},
      {15, "0001"},
      {16, "00"},
      {16, "01 61 02 6220 03 225c7e 01 ff"},
      {16, ""},
      {17, "016100 00"},
      {18, "0001 016100"},
      {19, "03 313233"},
      {21, "0001 016100"},
      {23, "016100"},
      {24, "0001 08 02 0000012c 5f5e1000 5f5e0ff0 002a 016100 0102"},
      {25, "0100 03 05 010203"},
      {26, "0001 016100 016200"},
      {27, "03 2d3332 03 313136 02 3130"},
      {28, "20010db8 00000000 00000000 00000001"},
      {28, "00000000 00000000 0000ffff c0000201"},
      {28, "20010db8 00000001 00000001 00000001"},
      {29, "00 12 16 13 8b370b5f 80020000 00989680"},
      {29, "00 33 00 01 7fffffff 70000000 00989685"},
      {31, "abcd"},
      {32, "abcd"},
      {33, "0001 0002 01bb 016100"},
      {35, "0001 0002 01 75 07 4532552b736970 04 21225c21 016100"},
      {36, "0001 016100"},
      {37, "0001 002a 08 ff00"},
      {37, "1234 002a ee ff00"},
      {39, "016100"},
      {41, ""},
      {42, "0001 18 03 c00002 0002 80 81 20 0001 00 00"},
      {43, "002a 08 02 abcdef"},
      {44, "04 02 abcdef"},
      {45, "0a000200 01"},
      {46, "0032 08 02 0000012c 5f5e1000 5f5e0ff0 002a 00 0102"},
      {47, "016100 00 06 4001 0000 0003 01 01 40"},
      {47, "016100"},
      {48, "0101 03 08 0102ff"},
      {49, "0102"},
      {50, "01 01 000a 02 abcd 05 ffff000102 00 01 40"},
      {50, "01 00 0000 00 01 ff"},
      {51, "01 00 0000 00"},
      {51, "01 00 000c 01 ff"},
      {52, "03 01 01 abcdef"},
      {53, "03 01 01 abcdef"},
      {55, "02 02 0003 abcd 010203 016100 016200"},
      {56, "01 61 01 62"},
      {57, "0100 03 05 0102"},
      {58, "016100 016200"},
      {59, "002a 08 02 abcdef"},
      {60, "0101 03 08 0102ff"},
      {61, "010203"},
      {62, "0000002a 0003 00 04 60000008"},
      {63, "0000002a 01 01 abcdef"},
      {64, "0000 016100"},
      {64, "0001 00 0000 0004 00010003 0001 0006 02 6832 02 2c5c 0003 0002 01bb 0004 0008 c0000201 c0000202"},
      {65, "0001 00 0001 0003 02 6832 0002 0000 0005 0003 010203 0006 0010 20010db8 00000000 00000000 00000001"},
      {65, "0001 00 0007 0006 2f22203b5c01 029a 0003 610062"},
      {99, "01 61"},
      {100, "03 612262"},
      {101, "0000002a"},
      {102, "ffffffff"},
      {103, "0102"},
      {104, "0001 0123456789abcdef"},
      {105, "0001 c0000201"},
      {106, "0001 0123456789abcdef"},
      {107, "0001 016100"},
      {108, "0102030405ff"},
      {109, "01020304050607ff"},
      {255, ""},
      {256, "000a 0001 68747470 3a2f2f 61 22 5c2e 5c61 07"},
      {257, "80 05 6973737565 6361 2e74 6573 743b 22"},
      {258, "01 61"},
      {12345, "0102ff"},
      {12345, ""},
      {32768, "002a 08 02 abcdef"},
      {32769, "002a 08 02 abcdef"},
  };
  std::string current;
  Mutex mutex;
  LoopbackDatagrams server([&](const std::string& query) {
    MutexLock lock(mutex);
    return std::vector<std::string>{dns_answer(query, {0, 1, 0, 0, current})};
  });
  NetPair pair(dns_module("any", "x"));
  for (const auto& [type, hex] : records) {
    const std::string data = from_hex(hex);
    for (const unsigned dns_class : {1U, 255U}) {
      CAPTURE(type, hex, dns_class);
      {
        MutexLock lock(mutex);
        current = dns_record("ow ner.test", type, data, dns_class);
      }
      const std::string log = pair.probe("any", server.address(), "&debug=true").theirs.body;
      const std::vector<std::string> theirs = logged_records(log);
      const std::string query = *dns_query(1, {"x.test", 255, 1, {}});
      const Result<DnsAnswer> ours =
          parse_dns_answer(dns_answer(query, {0, 1, 0, 0, dns_record("ow ner.test", type, data, dns_class)}));
      INFO((ours.has_value() ? "" : ours.error().message()));
      CHECK((ours.has_value() ? std::vector<std::string>{ours->answer.at(0).text} : std::vector<std::string>()) ==
            theirs);
    }
  }
}

TEST_CASE("icmp probes are answered as blackbox_exporter answers them") {
  const std::string head = "{prober: icmp, timeout: 2s, icmp: {";
  NetPair pair("  plain: {prober: icmp, timeout: 2s}\n  v4: " + head + "preferred_ip_protocol: ip4}}\n  ttl: " + head +
               "ttl: 3}}\n  ttl_0: " + head + "ttl: 0}}\n  large: " + head + "payload_size: 3000}}\n  whole: " + head +
               "dont_fragment: true, payload_size: 100}}\n  source: " + head +
               "source_ip_address: 127.0.0.1}}\n  source_bad: " + head +
               "source_ip_address: nonsense}}\n  source_other: " + head + "source_ip_address: '::1'}}\n  source_far: " +
               head + "source_ip_address: 192.0.2.77}}\n  v6_only: " + head + "ip_protocol_fallback: false}}\n");
  Probes probes;
  for (const char* module : {"plain", "v4", "ttl", "ttl_0", "large", "whole", "source", "source_bad", "source_other",
                             "source_far", "v6_only"}) {
    probes.emplace_back(module, "127.0.0.1");
  }
  probes.emplace_back("v4", "localhost");
  probes.emplace_back("plain", "::1");
  probes.emplace_back("ttl", "::1");
  probes.emplace_back("large", "::1");
  probes.emplace_back("whole", "::1");
  probes.emplace_back("plain", "name.invalid");
  probes.emplace_back("plain", "127.0.0.1:80");
  pair.compare(probes);
}

TEST_CASE("grpc probes are answered as blackbox_exporter answers them") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("grpc", {});
  const GrpcServer plain({}), secure({base + ".pem", base + ".key"});
  const std::string closed = "127.0.0.1:" + std::to_string(free_port());
  const std::string head = "{prober: grpc, timeout: 2s, grpc: {preferred_ip_protocol: ip4, ";
  const std::string trust = "tls: true, tls_config: {ca_file: " + authority.ca_file();
  NetPair pair("  up: " + head + "service: up}}\n  down: " + head + "service: down}}\n  new: " + head +
               "service: new}}\n  lost: " + head + "service: lost}}\n  gone: " + head +
               "service: gone}}\n  tls: " + head + trust + "}}}\n  tls_name: " + head + trust +
               ", server_name: localhost}}}\n  tls_wrong_name: " + head + trust +
               ", server_name: other.example}}}\n  tls_insecure: " + head +
               "tls: true, tls_config: {insecure_skip_verify: true}}}\n  tls_untrusted: " + head +
               "tls: true}}\n  tls_no_file: " + head +
               "tls: true, tls_config: {ca_file: /nonexistent}}}\n  bare: {prober: grpc, timeout: 2s}\n");
  const std::string target = "localhost:" + std::to_string(plain.port());
  const std::string secure_target = "localhost:" + std::to_string(secure.port());
  pair.compare({{"up", target},
                {"up", "http://" + target + "/path"},
                {"up", "https://" + target},
                {"down", target},
                {"new", target},
                {"lost", target},
                {"gone", target},
                {"up", closed},
                {"up", "name.invalid:1"},
                {"up", "a b:1"},
                {"up", secure_target},
                {"bare", plain.address()},
                {"tls", secure_target},
                {"tls", secure.address()},
                {"tls_name", secure.address()},
                {"tls_wrong_name", secure_target},
                {"tls_insecure", secure_target},
                {"tls_untrusted", secure_target},
                {"tls_no_file", secure_target},
                {"tls", target}});
}

TEST_CASE("wrong files of dns, icmp and grpc are refused by both") {
  const TempFolder folder;
  const auto text = GENERATE(values<std::string>({
      "{prober: dns, dns: {}}",
      "{prober: dns, dns: {query_name: ''}}",
      "{prober: dns, dns: {query_name: a, query_type: a}}",
      "{prober: dns, dns: {query_name: a, query_type: TYPE1}}",
      "{prober: dns, dns: {query_name: a, query_class: XX}}",
      "{prober: dns, dns: {query_name: a, valid_rcodes: NOERROR}}",
      "{prober: dns, dns: {query_name: a, recursion_desired: 1}}",
      "{prober: dns, dns: {query_name: a, validate_answer_rrs: [x]}}",
      "{prober: dns, dns: {query_name: a, validate_answer_rrs: {fail_if: [x]}}}",
      "{prober: dns, dns: {query_name: a, tls: true}}",
      "{prober: icmp, icmp: {ttl: -1}}",
      "{prober: icmp, icmp: {ttl: 256}}",
      "{prober: icmp, icmp: {ttl: x}}",
      "{prober: icmp, icmp: {payload_size: big}}",
      "{prober: icmp, icmp: {hops: 3}}",
      "{prober: grpc, grpc: {services: a}}",
      "{prober: grpc, grpc: {tls: [true]}}",
      "{prober: grpc, grpc: {tls_config: {ca: x, nonsense: y}}}",
  }));
  CAPTURE(text);
  const std::string file = (folder.path() / "blackbox.yml").string();
  std::ofstream(file) << "modules:\n  m: " << text << "\n";
  const auto check = [&](const std::string& program) {
    return std::system((program + " --config.check --config.file=" + file + " >/dev/null 2>&1").c_str());
  };
  CHECK(check(kBlackbox) != 0);
  CHECK(check(HEAL_BIN_DIR "/heal-exporter") != 0);
}

}  // namespace
}  // namespace heal::test
