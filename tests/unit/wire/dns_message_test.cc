#include "common/wire/dns_message.h"

#include <catch2/catch.hpp>

#include "tests/support/dns_bytes.h"

namespace heal {
namespace {

using test::dns_answer;
using test::dns_labels;
using test::dns_record;
using test::from_hex;

const std::string kQuery = *dns_query(0x1234, {"example.org", 1, 1, DnsQuestion::Recursion::kDesired});

/// The text of one record with this data behind "example.org. 300 IN TYPE", or why there is none.
std::string text_of(std::uint16_t type, const std::string& data) {
  const Result<DnsAnswer> answer =
      parse_dns_answer(dns_answer(kQuery, {0, 1, 0, 0, dns_record("example.org", type, data)}));
  if (!answer.has_value()) return answer.error().message();
  return answer->answer.at(0).text;
}

TEST_CASE("a query has one question, recursion as wished, and nothing else") {
  CHECK(kQuery == from_hex("1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 6f7267 00 0001 0001"));
  CHECK(*dns_query(1, {"a\\.b\\032.c.", 15, 3, DnsQuestion::Recursion::kNotDesired}) ==
        from_hex("0001 0000 0001 0000 0000 0000 04 612e6220 01 63 00 000f 0003"));
  CHECK(dns_query(1, {".", 6, 1, {}})->substr(12) == from_hex("00 0006 0001"));
}

TEST_CASE("a name that cannot be one is no query") {
  const auto [name, why] = GENERATE(table<std::string, std::string>({
      {"a..b", "\"a..b\" is not a domain name: a label is empty"},
      {".a", "\".a\" is not a domain name: a label is empty"},
      {"a\\", "\"a\\\" is not a domain name: it ends in a backslash"},
  }));
  CHECK(dns_query(1, {name, 1, 1, {}}).error().message() == why);
  CHECK_FALSE(dns_query(1, {std::string(64, 'x'), 1, 1, {}}).has_value());
  std::string longest;
  for (int i = 0; i < 127; ++i)
    longest += "x.";
  CHECK(dns_query(1, {longest, 1, 1, {}}).has_value());
  CHECK_FALSE(dns_query(1, {longest + "y.", 1, 1, {}}).has_value());
}

TEST_CASE("an answer gives its code, its sections and what it was asked") {
  const std::string soa = dns_labels("ns.example.org") + dns_labels("admin.example.org") +
                          from_hex("0000002a 00000e10 00000384 00093a80 00000e10");
  const std::string bytes =
      dns_answer(kQuery, {3, 1, 1, 1,
                          dns_record("example.org", 6, soa) + from_hex("c00c 0002 0001 0000003c 0005 02 6e73 c00c") +
                              dns_record("ns.example.org", 28, from_hex("20010db8 00000000 00000000 00000001"))});
  DnsAnswer expected;
  expected.id = 0x1234;
  expected.rcode = 3;
  expected.questions = {"example.org.\tIN\tA"};
  expected.answer = {{6, "example.org.\t300\tIN\tSOA\tns.example.org. admin.example.org. 42 3600 900 604800 3600", 42}};
  expected.authority = {{2, "example.org.\t60\tIN\tNS\tns.example.org.", std::nullopt}};
  expected.additional = {{28, "ns.example.org.\t300\tIN\tAAAA\t2001:db8::1", std::nullopt}};
  CHECK(*parse_dns_answer(bytes) == expected);
}

TEST_CASE("records are shown as blackbox_exporter shows them") {
  const auto [type, data, text] = GENERATE(table<std::uint16_t, std::string, std::string>({
      {1, "c0000201", "IN\tA\t192.0.2.1"},
      {28, "00000000000000000000ffffc0000201", "IN\tAAAA\t192.0.2.1"},
      {15, "000a 04 6d61696c 00", "IN\tMX\t10 mail."},
      {15, "000a", "IN\tMX\t10 "},
      {16, "03 612262 02 5c07", "IN\tTXT\t\"a\\\"b\" \"\\\\\\007\""},
      {5, "05 612e622063 00", "IN\tCNAME\ta\\.b\\ c."},
      {33, "0001 0002 0050 00", "IN\tSRV\t1 2 80 ."},
      {35, "0001 0002 01 75 07 4532552b736970 01 21 00", "IN\tNAPTR\t1 2 \"u\" \"E2U+sip\" \"!\" ."},
      {43, "002a 08 02 abcd", "IN\tDS\t42 8 2 ABCD"},
      {48, "0101 03 08 0102ff", "IN\tDNSKEY\t257 3 8 AQL/"},
      {46, "0001 08 02 0000012c 5f5e1000 5f5e0ff0 002a 00 0102",
       "IN\tRRSIG\tA 8 2 300 20200913122640 20200913122624 42 . AQI="},
      {47, "00 00 06 4000 0000 0003", "IN\tNSEC\t. A RRSIG NSEC"},
      {50, "01 01 000a 02 abcd 02 ffff 00 01 40", "IN\tNSEC3\t1 1 10 ABCD VVVG A"},
      {51, "01 00 0000 00", "IN\tNSEC3PARAM\t1 0 0 -"},
      {52, "03 01 01 abcd", "IN\tTLSA\t3 1 1 abcd"},
      {44, "04 02 abcd", "IN\tSSHFP\t4 2 ABCD"},
      {257, "00 05 6973737565 6361", "IN\tCAA\t0 issue \"ca\""},
      {256, "000a 0001 687474703a2f2f61", "IN\tURI\t10 1 \"http://a\""},
      {65, "0001 00 0001 0003 02 6832 0003 0002 01bb", "IN\tHTTPS\t1 . alpn=\"h2\" port=\"443\""},
      {64, "0000 01 61 00", "IN\tSVCB\t0 a."},
      {29, "00 12 16 13 8b370b5f 80020000 00989680", "IN\tLOC\t52 15 56.767 N 00 02 11.072 E 0m 1m 10000m 10m"},
      {42, "0001 18 03 c00002 0002 80 81 20", "IN\tAPL\t1:192.0.2.0/24 !2:2000::/128"},
      {37, "0001 002a 08 ff", "IN\tCERT\tPKIX 42 RSASHA256 /w=="},
      {108, "0102030405ff", "IN\tEUI48\t01-02-03-04-05-ff"},
      {10, "61", ""},
      {12345, "0102", "CLASS1\tTYPE12345\t\\# 2 0102"},
      {1, "", "IN\tA\t"},
  }));
  CAPTURE(type, data);
  const std::string owner = "example.org.\t300\t";
  CHECK(text_of(type, from_hex(data)) == (type == 10 ? ";" + owner + "IN\tNULL\ta" : owner + text));
}

TEST_CASE("data that cannot be of its type fails the whole answer") {
  const auto [type, data] = GENERATE(table<std::uint16_t, std::string>({
      {1, "c00002"},
      {1, "c000020101"},
      {15, "00"},
      {5, "03 6162"},
      {5, "80 61 00"},
      {16, "05 61"},
      {47, "00 01 01 40 00 01 40"},
      {47, "00 00 00"},
      {47, "00 00 21 00"},
      {65, "0001 00 0003 0002 01bb 0001 0003 02 6832"},
      {65, "0001 00 0004 0000"},
      {65, "0001 00 0003 0001 01"},
      {42, "0003 08 01 0a"},
      {42, "0001 21 01 0a"},
      {42, "0001 18 02 c000"},
      {6, "00 00 0000002a 00"},
  }));
  CAPTURE(type, data);
  CHECK(text_of(type, from_hex(data)) == "the record at byte 29 cannot be read");
}

TEST_CASE("names that point in circles, onwards or out of the message are refused") {
  const std::string head = from_hex("1234 8180 0000 0001 0000 0000");
  const std::string tail = from_hex("0001 0001 00000000 0004 c0000201");
  for (const char* name : {"c00c", "c00e c00c", "ffff", "c0"}) {
    CAPTURE(name);
    CHECK(parse_dns_answer(head + from_hex(name) + tail).error().message() == "the record at byte 12 cannot be read");
  }
}

TEST_CASE("counts may lie where the message ends, and nowhere else") {
  const std::string record = dns_record("a", 1, from_hex("c0000201"));
  const Result<DnsAnswer> few = parse_dns_answer(dns_answer(kQuery, {0, 65535, 65535, 65535, record}));
  REQUIRE(few.has_value());
  CHECK(few->answer.size() == 1);
  CHECK(few->authority.empty());
  const Result<DnsAnswer> trailing = parse_dns_answer(dns_answer(kQuery, {0, 1, 0, 0, record + "rest"}));
  CHECK(trailing->answer.size() == 1);
  CHECK_FALSE(parse_dns_answer(dns_answer(kQuery, {0, 2, 0, 0, record + "rest"})).has_value());
  CHECK(parse_dns_answer(from_hex("1234 8185 0001 0000 0000 0000"))->rcode == 5);
  CHECK(parse_dns_answer("short").error().message() == "5 bytes are less than the 12 of a header");
}

TEST_CASE("an OPT record brings the upper bits of the code; a signature that nobody can check fails") {
  const std::string opt = from_hex("00 0029 1000 01008000 0008 000a 0004 01020304");
  const Result<DnsAnswer> answer = parse_dns_answer(dns_answer(kQuery, {0, 0, 0, 1, opt}));
  REQUIRE(answer.has_value());
  CHECK(answer->rcode == 16);
  CHECK(answer->additional.at(0).text ==
        "\n;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags: do; udp: 4096\n; COOKIE: 01020304");
  CHECK(parse_dns_answer(dns_answer(kQuery, {0, 0, 0, 1, dns_record("k", 250, "x")})).error().message() ==
        "it is signed (TSIG) with a key that nobody gave");
}

TEST_CASE("no cut and no flipped byte of an answer does harm") {
  const std::string soa = dns_labels("ns") + dns_labels("m") + std::string(20, '\1');
  const std::string whole = dns_answer(
      kQuery, {0, 3, 1, 1,
               dns_record("example.org", 6, soa) + dns_record("h", 65, from_hex("0001 00 0001 0003 02 6832")) +
                   dns_record("n", 47, from_hex("00 00 06 4000 0000 0003")) + dns_record("t", 16, "\3abc") +
                   from_hex("00 0029 1000 00000000 0004 000a 0000")});
  REQUIRE(parse_dns_answer(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<DnsAnswer> cut = parse_dns_answer(std::string_view(whole).substr(0, size));
    if (cut.has_value()) CHECK(cut->answer.size() + cut->authority.size() + cut->additional.size() < 5);
  }
  std::size_t read = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char value : {'\0', '\x3f', '\xc0', '\xff'}) {
      std::string changed = whole;
      changed[i] = value;
      read += parse_dns_answer(changed).has_value() ? 1 : 0;
    }
  }
  CHECK(read > 0);
}

}  // namespace
}  // namespace heal
